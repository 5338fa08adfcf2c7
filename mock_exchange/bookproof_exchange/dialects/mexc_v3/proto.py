"""The venue's protobuf messages as Python classes, without a compiler: built from a compact table at import.

Names, numbers and types are those of https://github.com/mexcdevelop/websocket-proto (7b8ac7a, 2026-06-17); the same in
words: ``schemas/mexc-v3/*.proto`` (a test proves that they agree). Generated code would tie the user to one protobuf
release; a descriptor pool works with all of them. The pool is our own, since the messages have no package and a client
in the same process may have registered the venue's generated ones.

Used by the client side only: the exchange side writes its bytes by hand (see ``codec``).
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_DEPTH_ITEM = "price=1:string quantity=2:string"
_TICKER = "bidPrice=1:string bidQuantity=2:string askPrice=3:string askQuantity=4:string"

#: Message to fields: ``name=number:type``, with ``*`` repeated, ``?`` optional (explicit presence), ``|`` of the oneof.
TABLE: dict[str, str] = {
    "PushDataV3ApiWrapper": (
        "channel=1:string"
        " publicDeals=301:PublicDealsV3Api|"
        " publicIncreaseDepths=302:PublicIncreaseDepthsV3Api|"
        " publicLimitDepths=303:PublicLimitDepthsV3Api|"
        " privateOrders=304:PrivateOrdersV3Api|"
        " publicBookTicker=305:PublicBookTickerV3Api|"
        " privateDeals=306:PrivateDealsV3Api|"
        " privateAccount=307:PrivateAccountV3Api|"
        " publicSpotKline=308:PublicSpotKlineV3Api|"
        " publicMiniTicker=309:PublicMiniTickerV3Api|"
        " publicMiniTickers=310:PublicMiniTickersV3Api|"
        " publicBookTickerBatch=311:PublicBookTickerBatchV3Api|"
        " publicIncreaseDepthsBatch=312:PublicIncreaseDepthsBatchV3Api|"
        " publicAggreDepths=313:PublicAggreDepthsV3Api|"
        " publicAggreDeals=314:PublicAggreDealsV3Api|"
        " publicAggreBookTicker=315:PublicAggreBookTickerV3Api|"
        " symbol=3:string? symbolId=4:string? createTime=5:int64? sendTime=6:int64?"
    ),
    "PublicAggreDepthsV3Api": (
        "asks=1:PublicAggreDepthV3ApiItem* bids=2:PublicAggreDepthV3ApiItem* eventType=3:string"
        " fromVersion=4:string toVersion=5:string lastOrderCreateTime=6:int64"
    ),
    "PublicAggreDepthV3ApiItem": _DEPTH_ITEM,
    "PublicAggreDealsV3Api": "deals=1:PublicAggreDealsV3ApiItem* eventType=2:string",
    "PublicAggreDealsV3ApiItem": "price=1:string quantity=2:string tradeType=3:int32 time=4:int64 tradeId=5:string",
    "PublicAggreBookTickerV3Api": _TICKER + " version=5:string lastOrderCreateTime=6:int64",
    "PublicLimitDepthsV3Api": (
        "asks=1:PublicLimitDepthV3ApiItem* bids=2:PublicLimitDepthV3ApiItem* eventType=3:string"
        " version=4:string lastOrderCreateTime=5:int64"
    ),
    "PublicLimitDepthV3ApiItem": _DEPTH_ITEM,
    "PublicIncreaseDepthsV3Api": (
        "asks=1:PublicIncreaseDepthV3ApiItem* bids=2:PublicIncreaseDepthV3ApiItem* eventType=3:string version=4:string"
    ),
    "PublicIncreaseDepthV3ApiItem": _DEPTH_ITEM,
    "PublicIncreaseDepthsBatchV3Api": "items=1:PublicIncreaseDepthsV3Api* eventType=2:string",
    "PublicBookTickerV3Api": _TICKER,
    "PublicBookTickerBatchV3Api": "items=1:PublicBookTickerV3Api* version=2:string lastOrderCreateTime=3:int64",
    "PublicDealsV3Api": "deals=1:PublicDealsV3ApiItem* eventType=2:string",
    "PublicDealsV3ApiItem": "price=1:string quantity=2:string tradeType=3:int32 time=4:int64",
    "PublicMiniTickersV3Api": "items=1:PublicMiniTickerV3Api*",
    "PublicMiniTickerV3Api": (
        "symbol=1:string price=2:string rate=3:string zonedRate=4:string high=5:string low=6:string volume=7:string"
        " quantity=8:string lastCloseRate=9:string lastCloseZonedRate=10:string lastCloseHigh=11:string"
        " lastCloseLow=12:string"
    ),
    "PublicSpotKlineV3Api": (
        "interval=1:string windowStart=2:int64 openingPrice=3:string closingPrice=4:string highestPrice=5:string"
        " lowestPrice=6:string volume=7:string amount=8:string windowEnd=9:int64"
    ),
    "PrivateAccountV3Api": (
        "vcoinName=1:string coinId=2:string balanceAmount=3:string balanceAmountChange=4:string frozenAmount=5:string"
        " frozenAmountChange=6:string type=7:string time=8:int64"
    ),
    "PrivateDealsV3Api": (
        "price=1:string quantity=2:string amount=3:string tradeType=4:int32 isMaker=5:bool isSelfTrade=6:bool"
        " tradeId=7:string clientOrderId=8:string orderId=9:string feeAmount=10:string feeCurrency=11:string"
        " time=12:int64"
    ),
    "PrivateOrdersV3Api": (
        "id=1:string clientId=2:string price=3:string quantity=4:string amount=5:string avgPrice=6:string"
        " orderType=7:int32 tradeType=8:int32 isMaker=9:bool remainAmount=10:string remainQuantity=11:string"
        " lastDealQuantity=12:string? cumulativeQuantity=13:string cumulativeAmount=14:string status=15:int32"
        " createTime=16:int64 market=17:string? triggerType=18:int32? triggerPrice=19:string? state=20:int32?"
        " ocoId=21:string? routeFactor=22:string? symbolId=23:string? marketId=24:string? marketCurrencyId=25:string?"
        " currencyId=26:string?"
    ),
}

ONEOF = "body"

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: dict[str, int] = {
    "string": _Field.TYPE_STRING,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "bool": _Field.TYPE_BOOL,
}


def file_descriptor() -> descriptor_pb2.FileDescriptorProto:
    """The table as one proto3 file."""
    file = descriptor_pb2.FileDescriptorProto(name="bookproof/mexc_v3.proto", syntax="proto3")
    for name, fields in TABLE.items():
        message = file.message_type.add(name=name)
        if "|" in fields:
            message.oneof_decl.add(name=ONEOF)
        # A proto3 optional is a oneof of its own, and those come after the real ones.
        for entry in fields.split():
            label, _, rest = entry.partition("=")
            number, _, kind = rest.partition(":")
            mark = kind[-1] if kind[-1] in "*?|" else ""
            kind = kind.rstrip("*?|")
            field = message.field.add(name=label, number=int(number), json_name=label)
            field.label = _Field.LABEL_REPEATED if mark == "*" else _Field.LABEL_OPTIONAL
            if kind in _SCALARS:
                field.type = _SCALARS[kind]  # type: ignore[assignment]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".{kind}"
            if mark == "|":
                field.oneof_index = 0
            elif mark == "?":
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{label}")
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(file_descriptor().SerializeToString())


def message_class(name: str) -> Any:
    """The class of a message by its name in the table. (Any: its attributes exist only at run time.)"""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(name))


PushDataV3ApiWrapper: Any = message_class("PushDataV3ApiWrapper")
