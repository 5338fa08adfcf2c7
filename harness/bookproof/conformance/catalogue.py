"""Stands for the catalogue: pytest's node ids are of this file, the plugin makes its items. One case, by its id:

``pytest --bookproof-client CMD --bookproof-dialect D --pyargs bookproof.conformance.catalogue::kraken-v2/book/gap/single``
"""
