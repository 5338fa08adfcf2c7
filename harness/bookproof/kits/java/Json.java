import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON (RFC 8259) to and from plain values, so that the adapter needs no library: Map, List, String, BigDecimal, Boolean
 * and null. Leave this file as it is.
 */
final class Json {
    private static final int DEEPEST = 200;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /** The value of a whole text. IllegalArgumentException says what is wrong, and where. */
    static Object parse(String text) {
        Json reader = new Json(text);
        reader.blank();
        Object value = reader.value();
        reader.blank();
        if (reader.at < text.length()) throw reader.wrong("something after the value");
        return value;
    }

    private IllegalArgumentException wrong(String what) {
        return new IllegalArgumentException(what + " at character " + at);
    }

    private int peek() {
        return at < text.length() ? text.charAt(at) : -1;
    }

    private void blank() {
        while (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n') at++;
    }

    private void expect(char wanted) {
        if (peek() != wanted) throw wrong("expected '" + wanted + "'");
        at++;
    }

    private Object value() {
        return switch (peek()) {
            case '{' -> object();
            case '[' -> array();
            case '"' -> string();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) throw wrong("not a value");
        at += word.length();
        return value;
    }

    private Map<String, Object> object() {
        Map<String, Object> found = new LinkedHashMap<>();
        open();
        if (peek() != '}') {
            while (true) {
                blank();
                String name = string();
                blank();
                expect(':');
                blank();
                found.put(name, value());
                blank();
                if (peek() != ',') break;
                at++;
            }
        }
        expect('}');
        depth--;
        return found;
    }

    private List<Object> array() {
        List<Object> found = new ArrayList<>();
        open();
        if (peek() != ']') {
            while (true) {
                blank();
                found.add(value());
                blank();
                if (peek() != ',') break;
                at++;
            }
        }
        expect(']');
        depth--;
        return found;
    }

    private void open() {
        if (++depth > DEEPEST) throw wrong("nested too deeply");
        at++;
        blank();
    }

    private String string() {
        expect('"');
        StringBuilder found = new StringBuilder();
        while (true) {
            int next = peek();
            if (next < ' ') throw wrong(next < 0 ? "a text without an end" : "a control character in a text");
            at++;
            if (next == '"') return found.toString();
            found.append(next == '\\' ? escape() : (char) next);
        }
    }

    private char escape() {
        int kind = peek();
        at++;
        return switch (kind) {
            case '"', '\\', '/' -> (char) kind;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                if (at + 4 > text.length() || !text.substring(at, at + 4).matches("[0-9a-fA-F]{4}")) {
                    throw wrong("not an escape");
                }
                at += 4;
                yield (char) Integer.parseInt(text.substring(at - 4, at), 16);
            }
            default -> throw wrong("not an escape");
        };
    }

    private BigDecimal number() {
        int from = at;
        if (peek() == '-') at++;
        if (peek() == '0') at++;
        else digits();
        if (peek() == '.') {
            at++;
            digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            at++;
            if (peek() == '+' || peek() == '-') at++;
            digits();
        }
        return new BigDecimal(text.substring(from, at));
    }

    private void digits() {
        int from = at;
        while (peek() >= '0' && peek() <= '9') at++;
        if (at == from) throw wrong(from < text.length() ? "not a value" : "the end in the middle");
    }

    /** A value as text in one line: what `parse` gives, any Number, and any Iterable. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value == null || value instanceof Boolean) {
            out.append(value);
        } else if (value instanceof Double || value instanceof Float) {
            if (!Double.isFinite(((Number) value).doubleValue())) throw new IllegalArgumentException(value + " is no number");
            out.append(value);
        } else if (value instanceof Number) {
            out.append(value);
        } else if (value instanceof Map<?, ?> map) {
            out.append('{');
            String comma = "";
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                out.append(comma);
                quote(String.valueOf(entry.getKey()), out);
                out.append(':');
                write(entry.getValue(), out);
                comma = ",";
            }
            out.append('}');
        } else if (value instanceof Iterable<?> list) {
            out.append('[');
            String comma = "";
            for (Object one : list) {
                out.append(comma);
                write(one, out);
                comma = ",";
            }
            out.append(']');
        } else {
            quote(String.valueOf(value), out);
        }
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char next = text.charAt(i);
            if (next == '"' || next == '\\') out.append('\\').append(next);
            else if (next < ' ' || next > '~') out.append(String.format("\\u%04x", (int) next));
            else out.append(next);
        }
        out.append('"');
    }
}
