/* Bytes over a connection that is the program's own: send and recv after
   connect_only, WebSocket frames, and upkeep. */
#include "easy.h"
#include "error.h"
#include "fields.h"
#include "newer.h"

#define ROOM_USUAL (16 * 1024)
#define ROOM_MOST (64 * 1024 * 1024)

static int fail(lua_State *L, Easy *easy, CURLcode code)
{
  lua_pushnil(L);
  easy_push_error(L, easy, code);
  return 2;
}

/* After easy_leave: what a call returns that has results of its own on top of
   the stack. In a multi an error of a callback is info_read's to tell. */
static int finish(lua_State *L, Easy *easy, CURLcode code, int results)
{
  if (code == CURLE_OK && (!easy->failed_in_lua || easy->multi != NULL))
    return results;
  return fail(L, easy, code);
}

/* After send and the like: libcurl has given the handle its connection, until
   the handle is closed or leaves its multi. */
static void note_attached(Easy *easy, CURLcode code)
{
  if (code == CURLE_OK || code == CURLE_AGAIN)
    easy->attached = true;
}

static size_t check_room(lua_State *L, int idx)
{
  lua_Integer room = luaL_optinteger(L, idx, ROOM_USUAL);
  luaL_argcheck(L, room > 0 && room <= ROOM_MOST, idx,
                "a count of bytes expected");
  return (size_t)room;
}

/*** Sends bytes over the connection of a handle with connect_only.
@param bytes string
@return count of bytes that were taken, which may be fewer; or nil, err, with
code "CURLE_AGAIN" when the socket takes none now
@raise in a callback
@see curl_easy_send(3) */
static int easy_send(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  size_t size, sent = 0;
  const char *bytes = luaL_checklstring(L, 2, &size);
  CURLcode code;
  easy_enter(L, easy, "send");
  code = curl_easy_send(easy->handle, bytes, size, &sent);
  if (!easy_leave(easy))
    return easy_push_closed(L);
  note_attached(easy, code);
  lua_pushinteger(L, (lua_Integer)sent);
  return finish(L, easy, code, 1);
}

/*** Receives bytes from the connection of a handle with connect_only.
@param most? bytes at most (16,384)
@return string, which is "" when the other end has closed; or nil, err, with code
"CURLE_AGAIN" when nothing is there now
@raise in a callback
@see curl_easy_recv(3) */
static int easy_recv(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  size_t room = check_room(L, 2), size = 0;
  luaL_Buffer buffer;
  char *bytes = luaL_buffinitsize(L, &buffer, room);
  CURLcode code;
  easy_enter(L, easy, "recv");
  code = curl_easy_recv(easy->handle, bytes, room, &size);
  if (!easy_leave(easy))
    return easy_push_closed(L);
  note_attached(easy, code);
  luaL_pushresultsize(&buffer, size);
  return finish(L, easy, code, 1);
}

/*** Does what keeps the idle connections of the handle, or of its multi, alive.
@return self; or nil, err, also while the handle has a connection in use, for a
transfer or for send and recv
@raise in a callback
@see curl_easy_upkeep(3) */
static int easy_upkeep(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  CURLcode code;
  /* libcurl gives the handle each of the connections for a moment, and then
     would have forgotten its own. */
  if (easy->attached ||
      (easy->multi != NULL && !easy->finished && easy->depth == 0)) {
    lua_pushnil(L);
    error_push_kind(L, "curl",
                    "upkeep: the handle has a connection in use; "
                    "call it on another one of the multi");
    return 2;
  }
  easy_enter(L, easy, "upkeep");
  code = curl_easy_upkeep(easy->handle);
  if (!easy_leave(easy))
    return easy_push_closed(L);
  lua_settop(L, 1);
  return finish(L, easy, code, 1);
}

/* ---- WebSocket ---- */

/* By bit: libcurl's numbers never change. */
static const char *const flag_names[] = { "text", "binary", "cont", "close",
                                          "ping", "offset", "pong", NULL };

#define FLAGS 7

static int lacks(lua_State *L)
{
  lua_pushnil(L);
  lua_pushfstring(L,
                  "WebSocket needs libcurl 7.86.0 or newer, built with it "
                  "(the protocol \"ws\"); this is %s",
                  curl_version_info(CURLVERSION_NOW)->version);
  error_push_kind(L, "curl", lua_tostring(L, -1));
  lua_remove(L, -2);
  return 2;
}

/* {text=true, ..., offset=, bytesleft=}: what the bytes are a part of. */
static void push_frame(lua_State *L, const struct curl_ws_frame *frame)
{
  int i;
  lua_createtable(L, 0, 4);
  for (i = 0; i < FLAGS; i++)
    if (frame->flags & (1 << i)) {
      field_boolean(L, flag_names[i], true);
    }
  field_integer(L, "offset", frame->offset);
  field_integer(L, "bytesleft", frame->bytesleft);
}

/*** Sends a WebSocket frame, or a part of one. May be called in a callback of
the handle itself.
@param bytes string
@param flags? string|string[]: "text" (the default), "binary", "close", "ping",
"pong", "cont" or "offset", or a list of these
@param size? integer of the whole frame when "offset" is among the flags
@return count of bytes that were taken; or nil, err, with code "CURLE_AGAIN"
when the socket takes none now
@see curl_ws_send(3) */
static int easy_ws_send(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  size_t size, sent = 0;
  const char *bytes = luaL_checklstring(L, 2, &size);
  unsigned int flags = check_bits(L, 3, "text", flag_names);
  lua_Integer fragment = luaL_optinteger(L, 4, 0);
  bool inside = easy->depth > 0;
  CURLcode code;
  luaL_argcheck(L, fragment >= 0, 4, "must not be negative");
  if (curl_ws_send == NULL)
    return lacks(L);
  if (!inside)
    easy_enter(L, easy, "ws_send");
  code = curl_ws_send(easy->handle, bytes, size, &sent, fragment, flags);
  if (!inside && !easy_leave(easy))
    return easy_push_closed(L);
  if (code == CURLE_NOT_BUILT_IN)
    return lacks(L);
  if (!inside)
    note_attached(easy, code);
  lua_pushinteger(L, (lua_Integer)sent);
  return finish(L, easy, code, 1);
}

/*** Receives a WebSocket frame, or a part of one.
@param most? bytes at most (16,384)
@return string, table with a field that is true for each of the frame's flags,
`offset` and `bytesleft`; or nil, err, with code "CURLE_AGAIN" when
nothing is there now and "CURLE_GOT_NOTHING" when the other end has closed
@raise in a callback
@see curl_ws_recv(3) */
static int easy_ws_recv(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  size_t room = check_room(L, 2), size = 0;
  luaL_Buffer buffer;
  char *bytes;
  void *frame = NULL;
  CURLcode code;
  if (curl_ws_recv == NULL)
    return lacks(L);
  bytes = luaL_buffinitsize(L, &buffer, room);
  easy_enter(L, easy, "ws_recv");
  code = curl_ws_recv(easy->handle, bytes, room, &size, (void *)&frame);
  if (!easy_leave(easy))
    return easy_push_closed(L);
  if (code == CURLE_NOT_BUILT_IN)
    return lacks(L);
  note_attached(easy, code);
  luaL_pushresultsize(&buffer, code == CURLE_OK ? size : 0);
  if (code == CURLE_OK && frame != NULL)
    push_frame(L, frame);
  else
    lua_pushnil(L);
  return finish(L, easy, code, 2);
}

/*** What frame the bytes belong to that writefunction is called with.
@return table as the second result of ws_recv; nil outside of a WebSocket's
writefunction; or nil, err
@see curl_ws_meta(3) */
static int easy_ws_meta(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  const struct curl_ws_frame *frame;
  if (curl_ws_meta == NULL)
    return lacks(L);
  frame = curl_ws_meta(easy->handle);
  if (frame == NULL)
    lua_pushnil(L);
  else
    push_frame(L, frame);
  return 1;
}

const luaL_Reg easy_io_methods[] = {
  { "send", easy_send },
  { "recv", easy_recv },
  { "upkeep", easy_upkeep },
  { "ws_send", easy_ws_send },
  { "ws_recv", easy_ws_recv },
  { "ws_meta", easy_ws_meta },
  { NULL, NULL },
};
