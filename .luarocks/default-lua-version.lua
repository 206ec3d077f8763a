-- Debian's luarocks runs itself with Lua 5.1 and would build for that one.
return "5.4"
