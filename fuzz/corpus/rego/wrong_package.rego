package other

x := 1
