module tvaers.example/recipient

go 1.26
