/* The methods of easy handles that the fetch path uses, and nothing else:
   transfer.lua and stream.lua call them. A collected handle gathers headers and
   body in C (receiver.c); Lua asks here what has come. */
#include "above.h"
#include "error.h"
#include "message.h"
#include "multi.h"
#include "receiver.h"
#include "replacement_lua.h"
#include "request_limits.h"
#include "response_index.h"
#include "seldom.h"
#include "snapshot.h"
#include "upload.h"

#include <errno.h>
#include <string.h>

Receiver *receiver_check(lua_State *L, Easy **easy)
{
  *easy = easy_check(L, 1);
  if ((*easy)->receiver == NULL)
    luaL_error(L, "collect has not been called on this handle");
  return (*easy)->receiver;
}

/*** Makes the handle gather its transfers in C, and gives it a number in
core.waiting. Callbacks for headers, body and upload cannot be set from then on.
@return self */
static int easy_collect(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  if (easy->multi != NULL || easy->depth > 0)
    return luaL_error(L, "collect: the transfer is running");
  if (!receiver_attach(easy))
    return luaL_error(L, "not enough memory");
  easy_join_waiting(L, easy);
  lua_settop(L, 1);
  return 1;
}

/*** Its number in core.waiting, for as long as it lives; 0 before collect. */
static int easy_id(lua_State *L)
{
  lua_pushinteger(L, easy_check(L, 1)->id);
  return 1;
}

#define MARK(name)                  \
  {                                 \
#name, offsetof(Receiver, name) \
  }

static const struct {
  const char *name;
  size_t at;
} marks[] = {
  MARK(asks),
  MARK(only_lookup),
  MARK(auth_rounds),
  MARK(buffering),
  MARK(chatty),
  MARK(decodes),
  MARK(expects),
  MARK(heats),
  MARK(multiplexed),
  MARK(once),
  MARK(proxied),
  MARK(public_only),
  MARK(rewinds),
  MARK(sending),
  MARK(single),
  MARK(tell_connected),
  MARK(transfer_codings),
  MARK(tunnels),
  MARK(undecoded),
  MARK(upgrades),
  MARK(uploads),
};

static bool set_mark(Receiver *receiver, const char *name, bool on)
{
  size_t i;
  for (i = 0; i < sizeof marks / sizeof *marks; i++)
    if (strcmp(marks[i].name, name) == 0) {
      *(bool *)((char *)receiver + marks[i].at) = on;
      return true;
    }
  return false;
}

/*** Sets how the next transfer is gathered.
@param name "high_water" "max_body" "max_headers" (bytes), "speed" (bytes a second,
0: any), "first_byte" (seconds
after which a transfer without an answer is late; nil: never), "tries" (how often
the request was sent before), "version": version() is asked for, with verbose and
debugfunction, which have to be free; "tell_sent": it is ready when the request has
been sent, with xferinfofunction, likewise; or one of the marks above (boolean), see
receiver.h
@param value
@return self */
static int easy_gather(lua_State *L)
{
  static const char *const names[] = { "high_water", "max_body",  "max_headers",
                                       "first_byte", "tries",     "speed",
                                       "version",    "tell_sent", NULL };
  Easy *easy;
  Receiver *receiver = receiver_check(L, &easy);
  const char *name = luaL_checkstring(L, 2);
  lua_settop(L, 3);
  if (!set_mark(receiver, name, lua_toboolean(L, 3)))
    switch (luaL_checkoption(L, 2, NULL, names)) {
    case 0: receiver->high_water = (size_t)luaL_checkinteger(L, 3); break;
    case 1: receiver->max_body = luaL_checkinteger(L, 3); break;
    case 2: receiver->max_headers = (size_t)luaL_checkinteger(L, 3); break;
    case 3:
      receiver->first_byte_ms =
          limits_ms(luaL_optnumber(L, 3, LIMITS_FOR_EVER));
      break;
    case 4: receiver->tries = (int)luaL_checkinteger(L, 3); break;
    case 5: receiver->pace.speed = (uint64_t)luaL_checkinteger(L, 3); break;
    case 6: receiver_ask_version(easy); break;
    default: receiver_tell_sent(easy); break;
    }
  lua_settop(L, 1);
  return 1;
}

/*** Forgets what was gathered; the handle is ready for the next transfer. */
static int easy_forget(lua_State *L)
{
  Easy *easy;
  Receiver *receiver = receiver_check(L, &easy);
  easy_leave_ready(easy);
  easy_drop_error(L, easy);
  receiver_unask_version(easy);
  receiver_untell_sent(easy);
  message_end(L, easy, 1);
  easy->finished = false;
  receiver_reset(receiver);
  return 0;
}

/* What can be taken of the body. */
static Buffer *body_of(Receiver *receiver)
{
  return receiver->coded != NULL ? &receiver->coded->plain : &receiver->body;
}

/*** Takes body bytes that have arrived, and are decoded.
@param most bytes at most; nil: all
@return string, or nil when nothing is there now; and whether the transfer
was paused for the buffer to be emptied, and it is empty now */
static int easy_take(lua_State *L)
{
  Easy *easy;
  Receiver *receiver = receiver_check(L, &easy);
  Buffer *body = body_of(receiver);
  size_t size = buffer_size(body);
  if (!lua_isnoneornil(L, 2)) {
    lua_Integer most = luaL_checkinteger(L, 2);
    luaL_argcheck(L, most > 0, 2, "must be positive");
    if ((size_t)most < size)
      size = (size_t)most;
  }
  if (size == 0)
    lua_pushnil(L);
  else {
    lua_pushlstring(L, buffer_head(body), size);
    buffer_drop(body, size);
  }
  lua_pushboolean(L, receiver->paused && buffer_size(&receiver->body) == 0);
  return 2;
}

/*** Writes the body to a file from now on, what waits here first.
@param file object of core.replacement; it may be closed or published at any time
@return how many bytes of it waited; or nil, message */
static int easy_sink(lua_State *L)
{
  Easy *easy;
  Receiver *receiver = receiver_check(L, &easy);
  Buffer *body = body_of(receiver);
  size_t size = buffer_size(body);
  int fd = replacement_lua_fd(L, 2);
  Seldom *own = seldom_own(receiver);
  luaL_argcheck(L, own == NULL || !sink_is_open(&own->sink), 1,
                "has a file already");
  if (own == NULL || !sink_open(&own->sink, fd)) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(own == NULL ? ENOMEM : errno));
    return 2;
  }
  if (size > 0 &&
      !sink_put(&own->sink, buffer_head(body), size, receiver->active_ms)) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(own->sink.error));
    return 2;
  }
  buffer_clear(body);
  lua_pushinteger(L, (lua_Integer)size);
  return 1;
}

/*** Writes what the file has not got yet, and lets go of it.
@return nil when it has got all; else string: why not */
static int easy_sink_end(lua_State *L)
{
  Easy *easy;
  Sink *sink = &receiver_check(L, &easy)->seldom->sink;
  sink_close(sink);
  if (sink->error == 0)
    lua_pushnil(L);
  else
    lua_pushstring(L, strerror(sink->error));
  return 1;
}

/*** Gives more of the upload.
@param bytes string; nil: that was all
@return count of bytes that wait to be sent */
static int easy_feed(lua_State *L)
{
  Easy *easy;
  Receiver *receiver = receiver_check(L, &easy);
  receiver->upload_waiting = false;
  if (lua_isnoneornil(L, 2))
    receiver->fed_all = true;
  else {
    size_t size;
    const char *bytes = luaL_checklstring(L, 2, &size);
    if (!upload_feed(easy, bytes, size))
      return luaL_error(L, "not enough memory");
  }
  lua_pushinteger(L, (lua_Integer)upload_waiting(receiver));
  return 1;
}

/*** The answer is there, and needs no more of the upload. */
static int easy_end_upload(lua_State *L)
{
  Easy *easy;
  Multi *multi;
  (void)receiver_check(L, &easy);
  multi = easy->multi;
  if (multi == NULL || !easy->in_multi)
    return 0;
  if (multi->depth > 0)
    return luaL_error(L, "end_upload: the multi is running");
  multi_enter(multi);
  upload_end(easy);
  multi_leave(multi);
  return 0;
}

/*** Whether the upload has to be read again from its start; asked once.
@return boolean */
static int easy_rewound(lua_State *L)
{
  Easy *easy;
  Receiver *receiver = receiver_check(L, &easy);
  lua_pushboolean(L, receiver->rewound);
  receiver->rewound = false;
  return 1;
}

/*** The numbers that waiting needs, in one call.
@return upload_waiting (boolean: more upload is wanted), connected (boolean), bytes
received (and decoded), bytes sent, seconds of the loop's clock at the last sign of life,
bytes buffered */
static int easy_marks(lua_State *L)
{
  Easy *easy;
  Receiver *receiver = receiver_check(L, &easy);
  lua_pushboolean(L, receiver->upload_waiting);
  lua_pushboolean(L, receiver->connected);
  lua_pushinteger(L, receiver->coded != NULL ? receiver->coded->made
                                             : receiver->received);
  lua_pushinteger(L, receiver->sent_bytes);
  lua_pushnumber(L, (lua_Number)receiver->active_ms / 1000);
  lua_pushinteger(L, (lua_Integer)buffer_size(body_of(receiver)));
  return 6;
}

void easy_push_rest(lua_State *L, Easy *easy, struct Traffic *traffic)
{
  Receiver *receiver = easy->receiver;
  const Buffer *body = body_of(receiver);
  size_t size = buffer_size(body);
  lua_pushlstring(L, size > 0 ? buffer_head(body) : "", size);
  snapshot_push(L, easy, traffic);
  easy_leave_ready(easy);
  easy->finished = false;
  receiver_reset(receiver);
}

/*** Whether the handle must be reset before its next transfer: libcurl counts
over all transfers of a handle how often it met a stale connection, and gives
up at the fifth. */
static int easy_needs_reset(lua_State *L)
{
  lua_pushboolean(L, easy_check(L, 1)->needs_reset);
  return 1;
}

/*** Whether its connection is not to be used again, as the request said.
@return boolean */
static int easy_is_last(lua_State *L)
{
  Easy *easy;
  (void)receiver_check(L, &easy);
  lua_pushboolean(L, message_is_last(easy));
  return 1;
}

/*** The multi that has its connection.
@return core.Multi, or nil */
static int easy_home(lua_State *L)
{
  Multi **home = easy_check(L, 1)->home;
  if (home == NULL || *home == NULL)
    lua_pushnil(L);
  else
    multi_push(L, *home);
  return 1;
}

/*** Whether the response of this transfer was collected unread. */
static int easy_abandoned(lua_State *L)
{
  Easy *easy;
  lua_pushboolean(L, receiver_check(L, &easy)->abandoned);
  return 1;
}

/*** What is known of the transfer now, for core.snapshot.
@return string */
static int easy_snapshot(lua_State *L)
{
  Easy *easy;
  (void)receiver_check(L, &easy);
  snapshot_push(L, easy, NULL);
  return 1;
}

static const luaL_Reg methods[] = {
  { "collect", easy_collect },
  { "gather", easy_gather },
  { "forget", easy_forget },
  { "take", easy_take },
  { "feed", easy_feed },
  { "marks", easy_marks },
  { "rewound", easy_rewound },
  { "end_upload", easy_end_upload },
  { "snapshot", easy_snapshot },
  { "abandoned", easy_abandoned },
  { "needs_reset", easy_needs_reset },
  { "id", easy_id },
  { "is_last", easy_is_last },
  { "home", easy_home },
  { "sink", easy_sink },
  { "sink_end", easy_sink_end },
  { NULL, NULL },
};

static const luaL_Reg functions[] = {
  { "snapshot", snapshot_read },
  { "response_index", response_index_new },
  { NULL, NULL },
};

/* Adds its functions to the table on top: core. */
static const FetchSide side = {
  receiver_attach,   receiver_attach_like, receiver_begin, receiver_result,
  receiver_answered, receiver_connects,    receiver_free,
};

void easy_transfer_open(lua_State *L)
{
  above_set_fetch(&side);
  compat_addmethods(L, easy_type, methods);
  compat_addmethods(L, easy_type, easy_answer_methods);
  compat_addmethods(L, easy_type, easy_coded_methods);
  luaL_setfuncs(L, functions, 0);
  guard_open(L);
}
