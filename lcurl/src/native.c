/* What these modules need and Lua cannot do: objects that are userdata, as those
   of Lua-cURLv3 are, and libcurl's own texts. */
#include <curl/curl.h>
#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>

/* Before Lua 5.2 what a userdata holds is its environment: a table. */
#if LUA_VERSION_NUM < 502
#define lua_getuservalue lua_getfenv
#define lua_setuservalue lua_setfenv
#undef luaL_newlib /* LuaJIT has one */
#define luaL_newlib(L, list) (lua_newtable(L), luaL_register(L, NULL, list))
#elif LUA_VERSION_NUM >= 504
#undef lua_newuserdata
#define lua_newuserdata(L, size) lua_newuserdatauv(L, size, 1)
#endif

/* The metatable of the type is the first upvalue of both functions. */
static int proxy_new(lua_State *L)
{
  lua_settop(L, 1);
  (void)lua_newuserdata(L, 0);
  lua_pushvalue(L, 1);
  lua_setuservalue(L, -2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, -2);
  return 1;
}

static int proxy_state(lua_State *L)
{
  if (lua_type(L, 1) == LUA_TUSERDATA && lua_getmetatable(L, 1)) {
    if (lua_rawequal(L, -1, lua_upvalueindex(1))) {
      lua_getuservalue(L, 1);
      return 1;
    }
  }
  lua_pushnil(L);
  return 1;
}

/*** Makes a type of userdata whose behaviour is Lua's.
@param metamethods table, copied: later changes to it have no effect
@return function(state) -> object; function(object) -> its state (a table), or
nil for whatever is not of this type */
static int proxy_new_type(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, 2);
  }
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, proxy_new, 1);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, proxy_state, 1);
  return 2;
}

/*** libcurl's text for one of its codes.
@param interface "easy", "multi", "share" or "url"
@param number the code
@return string
@see curl_easy_strerror(3) */
static int proxy_strerror(lua_State *L)
{
  static const char *const names[] = { "easy", "multi", "share", "url", NULL };
  int interface = luaL_checkoption(L, 1, NULL, names);
  int number = (int)luaL_checkinteger(L, 2);
  const char *text;
  switch (interface) {
  case 0: text = curl_easy_strerror((CURLcode)number); break;
  case 1: text = curl_multi_strerror((CURLMcode)number); break;
  case 2: text = curl_share_strerror((CURLSHcode)number); break;
  default: text = curl_url_strerror((CURLUcode)number);
  }
  lua_pushstring(L, text);
  return 1;
}

/*** libcurl and its parts, as one line.
@return string
@see curl_version(3) */
static int proxy_curl_version(lua_State *L)
{
  lua_pushstring(L, curl_version());
  return 1;
}

static void set_text(lua_State *L, const char *name, const char *value)
{
  if (value == NULL)
    return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, unsigned long value)
{
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

/*** The libraries in libcurl, under the names of curl_version_info_data.
@return table: version, version_num, host, ssl_version, libz_version, and what
else that libcurl knows; texts of what it was built without are nil
@see curl_version_info(3) */
static int proxy_version_info(lua_State *L)
{
  /* All these fields are older than the oldest libcurl that multisock runs on. */
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  lua_newtable(L);
  set_text(L, "version", info->version);
  set_number(L, "version_num", info->version_num);
  set_text(L, "host", info->host);
  set_text(L, "ssl_version", info->ssl_version);
  set_number(L, "ssl_version_num", (unsigned long)info->ssl_version_num);
  set_text(L, "libz_version", info->libz_version);
  set_text(L, "ares", info->ares);
  set_number(L, "ares_num", (unsigned long)info->ares_num);
  set_text(L, "libidn", info->libidn);
  set_number(L, "iconv_ver_num", (unsigned long)info->iconv_ver_num);
  set_text(L, "libssh_version", info->libssh_version);
  set_number(L, "brotli_ver_num", info->brotli_ver_num);
  set_text(L, "brotli_version", info->brotli_version);
  set_number(L, "nghttp2_ver_num", info->nghttp2_ver_num);
  set_text(L, "nghttp2_version", info->nghttp2_version);
  set_text(L, "quic_version", info->quic_version);
  set_text(L, "cainfo", info->cainfo);
  set_text(L, "capath", info->capath);
  set_number(L, "zstd_ver_num", info->zstd_ver_num);
  set_text(L, "zstd_version", info->zstd_version);
  return 1;
}

static const luaL_Reg functions[] = {
  { "proxy_type", proxy_new_type },
  { "strerror", proxy_strerror },
  { "curl_version", proxy_curl_version },
  { "version_info", proxy_version_info },
  { NULL, NULL },
};

__attribute__((visibility("default"))) int luaopen_lcurl_native(lua_State *L);

int luaopen_lcurl_native(lua_State *L)
{
  luaL_newlib(L, functions);
  return 1;
}
