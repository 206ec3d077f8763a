/* Trampolines of the callbacks that bytes go through: write, header,
   interleave, read, seek, ioctl and trailer. */
#include "callbacks_private.h"

#include <string.h>

#include "options.h"
#include "quirks.h"

/* ---- Bytes that arrive ---- */

typedef struct Bytes {
  const char *name, *bytes;
  size_t size;
  size_t taken;
} Bytes;

/* nil and true: all taken; false: end the transfer; a number: that many. */
static int pass_body(lua_State *L)
{
  Bytes *call = lua_touserdata(L, 1);
  lua_pushlstring(L, call->bytes, call->size);
  lua_call(L, 1, 1);
  call->taken = call->size;
  if (lua_isinteger(L, -1))
    call->taken = (size_t)lua_tointeger(L, -1);
  else if (lua_isboolean(L, -1))
    call->taken = lua_toboolean(L, -1) ? call->size : call->size + 1;
  else if (!lua_isnil(L, -1))
    callbacks_refuse(L, call->name, "nil, boolean or integer");
  return 0;
}

static size_t pass_bytes(Easy *easy, CURLoption id, const char *name,
                         const char *bytes, size_t size)
{
  Bytes call = { name, bytes, size, 0 };
  /* Anything but `size` ends the transfer. */
  return callbacks_run(easy, id, pass_body, &call) ? call.taken : size + 1;
}

static HeadGuardVerdict check_head(Easy *easy, const char *bytes, size_t size)
{
  if (easy->guard.state == HEAD_UNGUARDED)
    return HEAD_IS_BODY;
  return head_guard_check(&easy->guard, easy->handle, bytes, size);
}

static size_t on_write(char *bytes, size_t one, size_t size, void *data)
{
  switch (check_head(data, bytes, one * size)) {
  case HEAD_IS_LINE: return one * size;
  case HEAD_IS_REFUSED: return one * size + 1;
  default:
    return pass_bytes(data, CURLOPT_WRITEFUNCTION, "writefunction", bytes,
                      one * size);
  }
}

/* For a handle that has no write function of the user's: what libcurl's own, or
   callbacks_drop, would do. */
static size_t write_guarded(char *bytes, size_t one, size_t size, void *data)
{
  Easy *easy = data;
  switch (check_head(easy, bytes, one * size)) {
  case HEAD_IS_LINE: return one * size;
  case HEAD_IS_REFUSED: return one * size + 1;
  default:
    return easy->out == NULL ? one * size : fwrite(bytes, one, size, easy->out);
  }
}

static bool has_writefunction(lua_State *L, int self)
{
  bool has;
  compat_getuservalue(L, self);
  has = lua_rawgeti(L, -1, CURLOPT_WRITEFUNCTION) == LUA_TFUNCTION;
  lua_pop(L, 2);
  return has;
}

void callbacks_guard_head(lua_State *L, Easy *easy, int self)
{
  /* The first transfer of a handle finds no pointer of an earlier one. */
  bool first = !easy->performed;
  easy->performed = true;
  if (first || !quirk_folded_first_line())
    return;
  if (!has_writefunction(L, self)) {
    easy->out = easy->drops_body ? NULL : options_body_file(easy);
    (void)curl_easy_setopt(easy->handle, CURLOPT_WRITEFUNCTION, write_guarded);
    (void)curl_easy_setopt(easy->handle, CURLOPT_WRITEDATA, easy);
  }
  head_guard_begin(&easy->guard, easy->handle);
}

void callbacks_copy_guard(const Easy *from, Easy *to)
{
  to->guard.wanted = from->guard.wanted;
  to->guard.http09 = from->guard.http09;
  to->drops_body = from->drops_body;
  (void)curl_easy_setopt(to->handle, CURLOPT_HEADER, (long)to->guard.wanted);
  if (from->drops_body)
    (void)curl_easy_setopt(to->handle, CURLOPT_WRITEFUNCTION, callbacks_drop);
  else if (from->out != NULL) {
    (void)curl_easy_setopt(to->handle, CURLOPT_WRITEFUNCTION, NULL);
    (void)curl_easy_setopt(to->handle, CURLOPT_WRITEDATA, stdout);
  }
}

static size_t on_header(char *bytes, size_t one, size_t size, void *data)
{
  return pass_bytes(data, CURLOPT_HEADERFUNCTION, "headerfunction", bytes,
                    one * size);
}

static size_t on_interleave(char *bytes, size_t one, size_t size, void *data)
{
  return pass_bytes(data, CURLOPT_INTERLEAVEFUNCTION, "interleavefunction",
                    bytes, one * size);
}

/* ---- Bytes that leave ---- */

void callbacks_read(lua_State *L, const char *name, CallbacksRoom *call)
{
  lua_pushinteger(L, (lua_Integer)call->room);
  lua_call(L, 1, 1);
  call->size = 0;
  if (lua_type(L, -1) == LUA_TSTRING) {
    const char *chunk = lua_tolstring(L, -1, &call->size);
    if (call->size > call->room)
      luaL_error(L, "%s returned " INTEGER " bytes, " INTEGER " were asked for",
                 name, INTEGER_VALUE(call->size), INTEGER_VALUE(call->room));
    memcpy(call->bytes, chunk, call->size);
  }
  else if (lua_isinteger(L, -1) &&
           (lua_tointeger(L, -1) == CURL_READFUNC_PAUSE ||
            lua_tointeger(L, -1) == CURL_READFUNC_ABORT))
    call->size = (size_t)lua_tointeger(L, -1);
  else if (!lua_isnil(L, -1))
    /* Another number would send what the buffer held before. */
    callbacks_refuse(L, name, "string, nil, READFUNC_PAUSE or READFUNC_ABORT");
  lua_pop(L, 1);
}

/* libcurl before 8.7 forgets to forget that a handle has sent trailers: what it
   uploads in chunks after that, be it in another transfer or again in the same
   one, overwrites the memory in front of a buffer. */
static bool is_spent(const Easy *easy)
{
  return easy->trailed && quirk_trailers_twice();
}

#define SPENT                                                   \
  "the handle has sent trailers, and cannot upload again with " \
  "libcurl before 8.7: make another one"

/* Of this one alone is it known when it uploads again. */
static bool lacks_readfunction(lua_State *L, int self)
{
  bool trails, reads;
  compat_getuservalue(L, self);
  trails = lua_rawgeti(L, -1, CURLOPT_TRAILERFUNCTION) == LUA_TFUNCTION;
  reads = lua_rawgeti(L, -2, CURLOPT_READFUNCTION) == LUA_TFUNCTION;
  lua_pop(L, 3);
  return trails && !reads;
}

const char *callbacks_refuse_trailers(lua_State *L, const Easy *easy, int self)
{
  if (is_spent(easy))
    return SPENT;
  if (quirk_trailers_twice() && lacks_readfunction(L, self))
    return "trailerfunction needs a readfunction with libcurl before 8.7";
  return NULL;
}

static int spent_body(lua_State *L)
{
  return luaL_error(L, SPENT);
}

static int read_body(lua_State *L)
{
  callbacks_read(L, "readfunction", lua_touserdata(L, 1));
  return 0;
}

static size_t on_read(char *bytes, size_t one, size_t room, void *data)
{
  CallbacksRoom call = { bytes, one * room, CURL_READFUNC_ABORT };
  return callbacks_run(data, CURLOPT_READFUNCTION,
                       is_spent(data) ? spent_body : read_body, &call)
             ? call.size
             : CURL_READFUNC_ABORT;
}

int callbacks_seek_body(lua_State *L)
{
  CallbacksSeek *call = lua_touserdata(L, 1);
  lua_pushinteger(L, call->offset);
  lua_pushstring(L, call->origin == SEEK_SET   ? "set"
                    : call->origin == SEEK_CUR ? "cur"
                                               : "end");
  lua_call(L, 2, 1);
  call->result = lua_isnil(L, -1) || lua_toboolean(L, -1)
                     ? CURL_SEEKFUNC_OK
                     : CURL_SEEKFUNC_CANTSEEK;
  return 0;
}

static int on_seek(void *data, curl_off_t offset, int origin)
{
  CallbacksSeek call = { offset, origin, CURL_SEEKFUNC_FAIL };
  return callbacks_run(data, CURLOPT_SEEKFUNCTION, callbacks_seek_body, &call)
             ? call.result
             : CURL_SEEKFUNC_FAIL;
}

typedef struct Ioctl {
  int command;
  int result;
} Ioctl;

/* By number: deprecated, and libcurl knows no other command. */
#define RESTART_READ 1

static int ioctl_body(lua_State *L)
{
  Ioctl *call = lua_touserdata(L, 1);
  if (call->command == RESTART_READ)
    lua_pushstring(L, "restartread");
  else
    lua_pushnil(L);
  lua_call(L, 1, 1);
  call->result = callbacks_code(L, "ioctlfunction", 2);
  return 0;
}

static int on_ioctl(CURL *handle, int command, void *data)
{
  Ioctl call = { command, 2 };
  (void)handle;
  return callbacks_run(data, OPTION_IOCTLFUNCTION, ioctl_body, &call)
             ? call.result
             : 2;
}

/* ---- Trailers ---- */

/* What has a line break would be a header, or a request, of its own. */
static void append_trailer(lua_State *L, struct curl_slist **items)
{
  size_t size;
  const char *text;
  struct curl_slist *longer;
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "trailerfunction returned a list with a %s in it",
               luaL_typename(L, -1));
  text = lua_tolstring(L, -1, &size);
  if (strlen(text) != size || strpbrk(text, "\r\n") != NULL)
    luaL_error(L, "trailerfunction returned a line break or zero byte");
  longer = curl_slist_append(*items, text);
  if (longer == NULL)
    luaL_error(L, "not enough memory");
  *items = longer;
}

static int trailer_body(lua_State *L)
{
  struct curl_slist **items = lua_touserdata(L, 1);
  lua_Integer i, count;
  lua_call(L, 0, 1);
  if (lua_isnil(L, -1))
    return 0;
  if (!lua_istable(L, -1))
    callbacks_refuse(L, "trailerfunction", "nil or list of strings");
  count = (lua_Integer)lua_rawlen(L, -1);
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, 2, i);
    append_trailer(L, items);
    lua_pop(L, 1);
  }
  return 0;
}

/* libcurl frees what it was given when it is told to end, too. */
static int on_trailer(struct curl_slist **list, void *data)
{
  Easy *easy = data;
  easy->trailed = true;
  return callbacks_run(easy, CURLOPT_TRAILERFUNCTION, trailer_body, list)
             ? CURL_TRAILERFUNC_OK
             : CURL_TRAILERFUNC_ABORT;
}

const CallbackRow callbacks_data_rows[] = {
  { CURLOPT_WRITEFUNCTION, CURLOPT_WRITEDATA, (AnyFunction)on_write },
  { CURLOPT_HEADERFUNCTION, CURLOPT_HEADERDATA, (AnyFunction)on_header },
  { CURLOPT_INTERLEAVEFUNCTION, CURLOPT_INTERLEAVEDATA,
    (AnyFunction)on_interleave },
  { CURLOPT_READFUNCTION, CURLOPT_READDATA, (AnyFunction)on_read },
  { CURLOPT_SEEKFUNCTION, CURLOPT_SEEKDATA, (AnyFunction)on_seek },
  { OPTION_IOCTLFUNCTION, OPTION_IOCTLDATA, (AnyFunction)on_ioctl },
  { CURLOPT_TRAILERFUNCTION, CURLOPT_TRAILERDATA, (AnyFunction)on_trailer },
  { 0, 0, NULL },
};
