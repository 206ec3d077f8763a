/* postfields: a body that libcurl reads where Lua keeps it. */
#include "options_private.h"

/* Bytes of the body that postfields has set; -1: there is none. */
lua_Integer options_body_size(lua_State *L, int self)
{
  lua_Integer size = -1;
  compat_getuservalue(L, self);
  if (lua_rawgeti(L, -1, CURLOPT_POSTFIELDS) == LUA_TSTRING)
    size = (lua_Integer)lua_rawlen(L, -1);
  lua_pop(L, 2);
  return size;
}

/* libcurl would send what lies behind a body that is shorter. */
void options_check_body_size(lua_State *L, int self, const char *name,
                             lua_Integer size)
{
  lua_Integer most = options_body_size(L, self);
  if (most >= 0 && (size < 0 || size > most))
    luaL_error(L,
               "option '%s': " INTEGER " is out of range, the body has " INTEGER
               " bytes",
               name, INTEGER_VALUE(size), INTEGER_VALUE(most));
}

/* libcurl reads the body where Lua keeps it: no copy, zero bytes allowed. */
CURLcode options_set_postfields(lua_State *L, Easy *easy, int self,
                                const char *name, int value)
{
  size_t size;
  const char *bytes;
  CURLcode code;
  if (lua_type(L, value) != LUA_TSTRING)
    luaL_error(L, "option '%s': string expected, got %s", name,
               luaL_typename(L, value));
  bytes = lua_tolstring(L, value, &size);
  options_anchor(L, self, CURLOPT_POSTFIELDS, value);
  code = curl_easy_setopt(easy->handle, CURLOPT_POSTFIELDSIZE_LARGE,
                          (curl_off_t)size);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy->handle, CURLOPT_POSTFIELDS, bytes);
  return code;
}

/* Without a body the request is a GET again. libcurl makes it a POST even
   when it is told that there is none, so it is only told of one there was. */
CURLcode options_unset_postfields(lua_State *L, Easy *easy, int self)
{
  CURL *handle = easy->handle;
  CURLcode code;
  if (options_body_size(L, self) < 0)
    return CURLE_OK;
  code = curl_easy_setopt(handle, CURLOPT_POSTFIELDS, NULL);
  if (code == CURLE_OK)
    code =
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
  if (code == CURLE_OK)
    code = curl_easy_setopt(handle, CURLOPT_POST, 0L);
  options_release(L, self, CURLOPT_POSTFIELDS);
  return code;
}
