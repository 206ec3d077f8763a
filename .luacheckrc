std = "max"
max_line_length = 100
include_files = {
  "**/*.lua", "rockspec/*.rockspec", "bin/multisock", "script/check-rockspec",
  ".luacheckrc", ".busted",
}
exclude_files = { "build*/", "lua_modules/", ".luarocks/" }
files["spec"] = { std = "+busted" }
files["examples/neovim"] = { read_globals = { "vim" } }
files["rockspec/*.rockspec"] = { std = "+rockspec" }
