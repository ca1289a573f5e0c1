module syncgate.dev/components/go-unicode

go 1.26.0
