module bookproof-adapter

go 1.21
