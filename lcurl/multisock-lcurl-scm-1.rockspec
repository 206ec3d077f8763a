rockspec_format = "3.0"
package = "multisock-lcurl"
version = "scm-1"
source = { url = "git+file://." }
description = {
  summary = "The modules lcurl and cURL of Lua-cURLv3, on multisock",
  detailed = "Scripts that were written for Lua-cURLv3 run as they are.",
  license = "MIT",
}
supported_platforms = { "unix" }
dependencies = { "lua >= 5.1, < 5.5", "multisock" }
test_dependencies = { "busted" }
-- CMakeLists.txt knows what is built of which files, and names what is missing.
build = {
  type = "command",
  build_command = 'sh script/rock build lcurl "$(LUA)" "$(LUA_INCDIR)" "$(LIBDIR)"'
    .. ' "$(LUADIR)" "$(BINDIR)"',
  install_command = "sh script/rock install lcurl",
}
test = { type = "busted" }
