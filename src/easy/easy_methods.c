/* What Lua does with an easy handle: options, infos, the blocking perform,
   pause. The fetch path adds methods of its own. */
#include <string.h>
#include <strings.h>

#include "above.h"
#include "callbacks.h"
#include "easy.h"
#include "error.h"
#include "info.h"
#include "options.h"
#include "quirks.h"
#include "url.h"

/* A running transfer reads its lists and bodies at any time: replacing one
   would free it under libcurl. */
static Easy *check_settable(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  if ((easy->depth > 0 && !easy->offered) ||
      (easy->in_multi && !easy->finished))
    luaL_error(L, "setopt: the transfer is running");
  return easy;
}

/*** Sets options. What libcurl refuses is returned, not raised.
@param name string|table: an option, or a table of options and values
@param value? any; nil: back to the default; core.null, for a string: none
@return self; or nil, err
@raise on an unknown name, a wrong type, zero bytes or line breaks where they
would change the request, and while the transfer runs
@see curl_easy_setopt(3) */
static int easy_setopt(lua_State *L)
{
  Easy *easy = check_settable(L);
  bool set;
  if (lua_istable(L, 2)) {
    lua_settop(L, 2);
    set = options_set_all(L, easy, 1, 2);
  }
  else {
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    set = options_set(L, easy, 1, 2, 3);
  }
  if (!set)
    return error_return(L);
  lua_settop(L, 1);
  return 1;
}

/*** Sets an option back to its default.
@param name string
@return self; or nil, err */
static int easy_unsetopt(lua_State *L)
{
  Easy *easy = check_settable(L);
  lua_settop(L, 2);
  lua_pushnil(L);
  if (!options_set(L, easy, 1, 2, 3))
    return error_return(L);
  lua_settop(L, 1);
  return 1;
}

/*** What libcurl knows of the transfer.
@param name string such as "response_code" or "total_time"
@return value; nil where there is none; or nil, err when this libcurl lacks it
@see curl_easy_getinfo(3) */
static int easy_getinfo(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  lua_settop(L, 2);
  return info_push(L, easy, 2) ? 1 : error_return(L);
}

bool easy_is_file(const Easy *easy)
{
  const char *scheme = NULL;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return scheme != NULL && strcasecmp(scheme, "file") == 0;
}

/* By its URL, before libcurl has seen it. */
static bool is_websocket(const Easy *easy)
{
  const char *url = NULL;
  char *scheme = NULL;
  bool is;
  if (easy->url == NULL) {
    (void)curl_easy_getinfo(easy->handle, CURLINFO_EFFECTIVE_URL, &url);
    return url != NULL && (strncasecmp(url, "ws:", 3) == 0 ||
                           strncasecmp(url, "wss:", 4) == 0);
  }
  if (curl_url_get(easy->url->handle, CURLUPART_SCHEME, &scheme, 0) !=
      CURLUE_OK)
    return false;
  is = strcmp(scheme, "ws") == 0 || strcmp(scheme, "wss") == 0;
  curl_free(scheme);
  return is;
}

bool easy_may_start(lua_State *L, const Easy *easy, int self)
{
  const char *reason = NULL;
  /* libcurl would lose the connection, open as it is. */
  if (easy->attached)
    reason = "the handle's connection is in use by send and recv: close the "
             "handle, and make another one";
  else if (easy->trailers)
    reason = callbacks_refuse_trailers(L, easy, self);
  /* What the guard would have libcurl write would be frames there. */
  else if (easy->performed && quirk_folded_first_line() && is_websocket(easy))
    reason = "with libcurl before 8.1 a handle that has been used cannot open "
             "a WebSocket: make another one";
  if (reason == NULL)
    return true;
  lua_pushnil(L);
  error_push_kind(L, "curl", reason);
  return false;
}

/*** Runs the transfer to its end; nothing else runs meanwhile.
@return true; or nil, err, which may be what a callback raised
@see curl_easy_perform(3) */
static int easy_perform(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  lua_State *own;
  CURLcode code;
  if (easy->multi != NULL)
    return luaL_error(L, "perform: the handle is in a multi");
  if (easy->depth > 0)
    return luaL_error(L, "perform: called in a callback of the handle");
  if (!easy_may_start(L, easy, 1))
    return 2;
  easy_set_driver(easy, NULL);
  if (easy->own_sockets || easy->wildcard)
    callbacks_prepare(L, easy, 1, 1);
  if (easy->receiver != NULL)
    above_fetch()->begin(easy);
  else
    callbacks_guard_head(L, easy, 1);
  message_clear(easy->message);
  easy->failed_in_lua = easy->connected = false;
  easy->depth++;
  /* The caller waits in this call: until it returns, callbacks may run on its
     coroutine, so that they and their tracebacks know who that is. */
  own = easy->callbacks;
  easy->callbacks = L;
  code = curl_easy_perform(easy->handle);
  easy->callbacks = own;
  easy->depth--;
  if (easy->orphan) {
    easy_destroy(easy);
    return easy_push_closed(L);
  }
  if (code == CURLE_OK && !easy->failed_in_lua) {
    lua_pushboolean(L, 1);
    return 1;
  }
  easy_push_error(L, easy, code);
  return error_return(L);
}

/*** Pauses or continues directions of a transfer.
@param mask integer of core.PAUSE_RECV, PAUSE_SEND, PAUSE_ALL, PAUSE_CONT
@return self; or nil, err
@raise in a callback of its multi that is not one of its own
@see curl_easy_pause(3) */
static int easy_pause(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  struct Multi *multi = easy->multi;
  int mask = (int)luaL_checkinteger(L, 2);
  CURLcode code;
  if (easy_is_busy(easy) && easy->depth == 0)
    return luaL_error(L, "pause: called in a callback of this multi; do it "
                         "after the driving call has returned");
  if (multi != NULL)
    above_multi()->enter(multi);
  code = curl_easy_pause(easy->handle, mask);
  if (multi != NULL)
    above_multi()->leave(multi);
  lua_settop(L, 1);
  /* What was paused arrives inside that call, and may have closed it. */
  (void)easy_check(L, 1);
  if (code == CURLE_OK)
    return 1;
  error_push_easy(L, easy, code);
  return error_return(L);
}

const luaL_Reg easy_methods[] = {
  { "setopt", easy_setopt },
  { "unsetopt", easy_unsetopt },
  { "getinfo", easy_getinfo },
  { "perform", easy_perform },
  { "pause", easy_pause },
  { "traceback", easy_traceback },
  { NULL, NULL },
};
