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
#undef luaL_newlib                  /* LuaJIT has one */
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
  case 0:
    text = curl_easy_strerror((CURLcode)number);
    break;
  case 1:
    text = curl_multi_strerror((CURLMcode)number);
    break;
  case 2:
    text = curl_share_strerror((CURLSHcode)number);
    break;
  default:
    text = curl_url_strerror((CURLUcode)number);
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

static const luaL_Reg functions[] = {
  { "proxy_type", proxy_new_type },
  { "strerror", proxy_strerror },
  { "curl_version", proxy_curl_version },
  { NULL, NULL }
};

__attribute__((visibility("default")))
int luaopen_lcurl_native(lua_State *L);

int luaopen_lcurl_native(lua_State *L)
{
  luaL_newlib(L, functions);
  return 1;
}
