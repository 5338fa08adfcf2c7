"""MEXC spot v3: JSON text for control, protobuf in binary frames for data, snapshots by REST, ranges of versions."""

from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.dialects.mexc_v3.dialect import MexcV3

__all__ = ["DIALECT"]

DIALECT: Dialect = MexcV3()
