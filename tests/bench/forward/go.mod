module forward

go 1.25
