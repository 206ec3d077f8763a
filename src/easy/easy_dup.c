/* curl_easy_duphandle. libcurl copies the options with their pointers: to
   lists and files that the original frees, to the original as the data of its
   callbacks, and to the streams of its mime. All of these get copies of their
   own here. */
#include "easy.h"

#include <string.h>

#include "above.h"
#include "callbacks.h"
#include "error.h"
#include "mime.h"
#include "options.h"

/* What is of the transfer or of the handle itself. Of the values with a name
   only "private" is an option. */
static bool is_own(lua_State *L, int key)
{
  if (lua_type(L, key) == LUA_TSTRING)
    return strcmp(lua_tostring(L, key), "private") != 0;
  return lua_isinteger(L, key) && lua_tointeger(L, key) == CURLOPT_SHARE;
}

/* Copies the values of the easy at 1 to those of the one at 2, which are left
   at index 4. */
static void copy_values(lua_State *L)
{
  compat_getuservalue(L, 1);
  compat_getuservalue(L, 2);
  lua_pushnil(L);
  while (lua_next(L, 3) != 0) {
    if (is_own(L, 5)) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, 5);
    lua_insert(L, -2);
    lua_rawset(L, 4);
  }
}

/*** A new handle with the same options, callbacks included. It has no
connections, cookies, share or transfer of the original.
@return core.Easy; or nil, err when this libcurl cannot copy what is set
@raise on a handle that serves multisock.fetch
@see curl_easy_duphandle(3) */
int easy_duphandle(lua_State *L)
{
  Easy *easy = easy_check(L, 1), *copy;
  CURL *handle;
  lua_settop(L, 1);
  if (easy->receiver != NULL)
    return luaL_error(L, "duphandle: the handle collects its transfers");
  if (easy->related) {
    lua_pushnil(L);
    error_push_kind(L, "curl",
                    "a handle with stream_depends or, before "
                    "libcurl 8.14, hsts cannot be duplicated: libcurl would "
                    "free what they hold twice");
    return 2;
  }
  easy_enter(L, easy, "duphandle"); /* hstsreadfunction is called */
  handle = curl_easy_duphandle(easy->handle);
  if (!easy_leave(easy)) {
    curl_easy_cleanup(handle);
    return easy_push_closed(L);
  }
  if (handle == NULL)
    return luaL_error(L, "not enough memory");
  copy = easy_wrap(L, handle);
  copy_values(L);
  copy->wildcard = easy->wildcard;
  copy->cookie_files = easy->cookie_files;
  copy->trailers = easy->trailers;
  copy->shows_progress = easy->shows_progress;
  callbacks_copy_guard(easy, copy);
  copy->connect_only = easy->connect_only;
  copy->max_idle = easy->max_idle;
  callbacks_adopt(L, copy, 4);
  if (!options_copy_lists(easy, copy))
    return luaL_error(L, "not enough memory");
  if (lua_rawgeti(L, 4, CURLOPT_MIMEPOST) != LUA_TNIL &&
      mime_set(L, copy, 2, lua_gettop(L)) != CURLE_OK)
    return luaL_error(L, "not enough memory");
  lua_settop(L, 2);
  if (!easy->failed_in_lua || easy->multi != NULL)
    return 1;
  lua_pushnil(L);
  easy_push_error(L, easy, CURLE_OK);
  return 2;
}

/* Whether the easy at 1 has values in Lua, such as callbacks. */
static bool has_values(lua_State *L)
{
  compat_getuservalue(L, 1);
  lua_pushnil(L);
  return lua_next(L, -2) != 0;
}

/*** A new handle that collects its transfers and has the options of this one:
much less work than to set them again.
@return core.Easy
@raise when this one does not collect, runs, or holds callbacks, files or the
like
@see curl_easy_duphandle(3)
@local */
int easy_clone(lua_State *L)
{
  Easy *easy = easy_check(L, 1), *clone;
  CURL *handle;
  lua_settop(L, 1);
  if (easy->receiver == NULL || easy->multi != NULL || easy->depth > 0 ||
      easy->related || easy->mime != NULL || easy->own_sockets ||
      easy->wildcard || easy->share != NULL || easy->url != NULL ||
      has_values(L))
    return luaL_error(L, "clone: the handle cannot be copied");
  lua_settop(L, 1);
  handle = curl_easy_duphandle(easy->handle);
  if (handle == NULL)
    return luaL_error(L, "not enough memory");
  clone = easy_wrap(L, handle);
  clone->driver = easy->driver;
  clone->cleartext_http2 = easy->cleartext_http2;
  clone->max_idle = easy->max_idle;
  clone->http1_only = easy->http1_only;
  if (!above_fetch()->attach_like(clone, easy) ||
      !options_share_lists(easy, clone))
    return luaL_error(L, "not enough memory");
  easy_join_waiting(L, clone);
  lua_settop(L, 2);
  return 1;
}
