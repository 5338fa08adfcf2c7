#!/usr/bin/env bash
# `make demo`: drives ccxt (unmodified, from PyPI) against the mock exchange, over a selection of kraken-v2's catalogue.
# usage: demo.sh BIN DEMO_VENV DIALECT
set -u
cd "$(dirname "$0")/.."
bin=$1 demo=$2 dialect=$3
echo "ccxt $("$demo/bin/python" -c 'import ccxt; print(ccxt.__version__)'), unmodified, against the mock exchange ($dialect)."
echo "Some cases fail: that is what Bookproof is for. Each failure says what the client showed, what was true, and which rule it broke."
echo
"$bin/bookproof" run --client "$demo/bin/python examples/ccxt_python/adapter.py" --dialect "$dialect" \
    --case book/start-up/plain --case 'book/checksum/*' --case book/gap/single --case 'book/delete/*' --case 'book/window/*' \
    --case 'book/resnapshot/*' --case 'book/reconnect/*' --time-scale 0.4 --once --report bookproof-report
status=$?
echo
case $status in
    0) echo "Exit status 0: ccxt passed every case of this selection." ;;
    1) echo "Exit status 1: ccxt failed some cases, as the table shows. The demo itself has worked: make reports success." ;;
    *) echo "Exit status $status: the demo itself did not work as it should."; exit "$status" ;;
esac
echo "Open bookproof-report/report.html in a browser; docs/clients.md explains ccxt's failures."
