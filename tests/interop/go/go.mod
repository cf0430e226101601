module smartagent.example/interop

go 1.21
