/* How libcurl's callbacks reach the Lua functions of easy handles. They run
   under pcall on a thread of their own: no error and no yield crosses
   libcurl. A callback that raises ends its own transfer, and the value that
   it raised is what perform or info_read then returns. The trampolines
   themselves are in the files beside this one, by subject. */
#include "callbacks_private.h"

#include <string.h>

#include "error.h"

static const char thread_key; /* its address is the registry key */

void callbacks_open(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &thread_key);
  if (lua_isnil(L, -1)) {
    lua_newthread(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &thread_key);
  }
  lua_pop(L, 1);
}

lua_State *callbacks_thread(lua_State *L)
{
  lua_State *thread;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &thread_key);
  thread = lua_tothread(L, -1);
  lua_pop(L, 1);
  return thread;
}

/*** Whether libcurl calls the function that runs.
@return boolean
@local */
int callbacks_are_running(lua_State *L)
{
  lua_pushboolean(L, callbacks_thread(L) == L);
  return 1;
}

/* ---- Running ---- */

/* Whether it is Lua's own message of a yield that cannot be: of a coroutine,
   of the main thread, of LuaJIT (behind a position) and of Lua 5.1. */
static bool is_yield(const char *message, size_t size)
{
  static const char *const ends[] = {
    "attempt to yield across a C-call boundary",
    "attempt to yield from outside a coroutine",
    "attempt to yield across C-call boundary",
    "attempt to yield across metamethod/C-call boundary"
  };
  size_t i;
  for (i = 0; i < sizeof ends / sizeof *ends; i++) {
    size_t length = strlen(ends[i]);
    if (size >= length && strcmp(message + size - length, ends[i]) == 0)
      return true;
  }
  return false;
}

/* The value stays what it was, but for those messages, which do not tell what
   was wrong. */
int callbacks_on_error(lua_State *L)
{
  size_t size;
  if (lua_type(L, 1) == LUA_TSTRING) {
    const char *message = lua_tolstring(L, 1, &size);
    if (is_yield(message, size)) {
      lua_pushfstring(L, "a callback cannot wait, it runs inside libcurl (%s)",
                      message);
      lua_replace(L, 1);
    }
  }
  luaL_traceback(L, L, NULL, 1);
  error_keep_traceback(L);
  lua_settop(L, 1);
  return 1;
}

/* Pushes the handler, the body, its data and the user's function. */
static bool push_call(lua_State *L, const Easy *easy, int option,
                      lua_CFunction body, void *call)
{
  easy_push_values(L, easy);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    return false;
  }
  lua_pushcfunction(L, callbacks_on_error);
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, call);
  lua_rawgeti(L, -4, option);
  lua_remove(L, -5);
  if (lua_isfunction(L, -1))
    return true;
  lua_pop(L, 4);
  return false;
}

bool callbacks_call(lua_State *L, Easy *easy)
{
  int status;
  easy->depth++;
  status = lua_pcall(L, 2, 0, -4);
  easy->depth--;
  if (status != LUA_OK)
    easy_keep_error(L, easy);
  lua_pop(L, 1); /* the handler */
  return status == LUA_OK && !easy->orphan;
}

/* Outside of lua_pcall nothing here allocates, so nothing can raise. */
bool callbacks_run(Easy *easy, int option, lua_CFunction body, void *call)
{
  lua_State *L = easy->callbacks;
  if (easy->orphan || easy->failed_in_lua || !lua_checkstack(L, 16) ||
      !push_call(L, easy, option, body, call))
    return false;
  return callbacks_call(L, easy);
}

int callbacks_refuse(lua_State *L, const char *name, const char *expected)
{
  return luaL_error(L, "%s returned %s: %s expected", name,
                    luaL_tolstring(L, -1, NULL), expected);
}

int callbacks_code(lua_State *L, const char *name, int refuse)
{
  int code = 0;
  if (lua_isinteger(L, -1))
    code = (int)lua_tointeger(L, -1);
  else if (lua_isboolean(L, -1))
    code = lua_toboolean(L, -1) ? 0 : refuse;
  else if (!lua_isnil(L, -1))
    callbacks_refuse(L, name, "nil, boolean or integer");
  lua_pop(L, 1);
  return code;
}

/* ---- Setting ---- */

static const CallbackRow *const all_rows[] = {
  callbacks_data_rows, callbacks_progress_rows, callbacks_connect_rows,
  callbacks_ftp_rows,  callbacks_hsts_rows,
};

#define LISTS (sizeof all_rows / sizeof *all_rows)

static const CallbackRow *row_find(CURLoption id)
{
  size_t i;
  const CallbackRow *row;
  for (i = 0; i < LISTS; i++)
    for (row = all_rows[i]; row->function != 0; row++)
      if (row->function == (int)id)
        return row;
  return NULL;
}

/* What libcurl calls when a connection opens or closes is set before each
   transfer, see callbacks_socket.c. */
static bool is_socket(CURLoption id)
{
  return id == CURLOPT_OPENSOCKETFUNCTION || id == CURLOPT_CLOSESOCKETFUNCTION;
}

bool callbacks_is_received(CURLoption id)
{
  return id == CURLOPT_WRITEFUNCTION || id == CURLOPT_HEADERFUNCTION ||
         id == CURLOPT_READFUNCTION || id == CURLOPT_PREREQFUNCTION ||
         id == CURLOPT_CLOSESOCKETFUNCTION || id == CURLOPT_HSTSWRITEFUNCTION ||
         id == CURLOPT_WRITEDATA || id == CURLOPT_HEADERDATA ||
         id == CURLOPT_READDATA || id == CURLOPT_HEADER;
}

static void keep(lua_State *L, int self, CURLoption id, int value)
{
  compat_getuservalue(L, self);
  lua_pushvalue(L, value);
  lua_rawseti(L, -2, (lua_Integer)id);
  lua_pop(L, 1);
}

void callbacks_forget(lua_State *L, int self, CURLoption id)
{
  lua_pushnil(L);
  keep(L, self, id, lua_gettop(L));
  lua_pop(L, 1);
}

static CURLcode set_row(Easy *easy, const CallbackRow *row)
{
  CURL *handle = easy->handle;
  CURLcode code =
      curl_easy_setopt(handle, (CURLoption)row->function, row->trampoline);
  if (code == CURLE_OK)
    code = curl_easy_setopt(handle, (CURLoption)row->data, easy);
  return code;
}

static bool shows_progress(CURLoption id)
{
  return id == CURLOPT_XFERINFOFUNCTION || (int)id == OPTION_PROGRESSFUNCTION;
}

static void change_sockets(lua_State *L, Easy *easy, int self)
{
  compat_getuservalue(L, self);
  callbacks_reset_sockets(L, easy, lua_gettop(L));
  lua_pop(L, 1);
}

CURLcode callbacks_set(lua_State *L, Easy *easy, int self, CURLoption id,
                       const char *name, int value)
{
  const CallbackRow *row = row_find(id);
  CURLcode code;
  if (!lua_isfunction(L, value))
    luaL_error(L, "option '%s': function expected, got %s", name,
               luaL_typename(L, value));
  if (is_socket(id)) {
    keep(L, self, id, value);
    change_sockets(L, easy, self);
    return CURLE_OK;
  }
  if (row == NULL)
    return CURLE_UNKNOWN_OPTION;
  code = set_row(easy, row);
  if (code != CURLE_OK)
    return code;
  keep(L, self, id, value);
  if (id == CURLOPT_TRAILERFUNCTION)
    easy->trailers = true;
  easy->shows_progress = easy->shows_progress || shows_progress(id);
  if (shows_progress(id))
    code = curl_easy_setopt(easy->handle, CURLOPT_NOPROGRESS, 0L);
  return code;
}

void callbacks_prepare(lua_State *L, Easy *easy, int self, int owner)
{
  if (easy->own_sockets)
    callbacks_prepare_sockets(L, easy, self, owner);
  if (easy->wildcard)
    callbacks_renew_wildcard(L, easy, self);
}

/* libcurl's defaults write to stdout and read from stdin; a program that
   unset its callback wants neither, nor a call with our data pointer. */
size_t callbacks_drop(char *bytes, size_t one, size_t size, void *data)
{
  (void)bytes;
  (void)data;
  return one * size;
}

static size_t read_nothing(char *bytes, size_t one, size_t size, void *data)
{
  (void)bytes;
  (void)one;
  (void)size;
  (void)data;
  return 0;
}

static CURLcode unset_row(Easy *easy, CURLoption id, const CallbackRow *row)
{
  CURL *handle = easy->handle;
  switch (id) {
  case CURLOPT_WRITEFUNCTION:
    easy->drops_body = true;
    return curl_easy_setopt(handle, id, callbacks_drop);
  case CURLOPT_READFUNCTION: return curl_easy_setopt(handle, id, read_nothing);
  case CURLOPT_XFERINFOFUNCTION:
    (void)curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 1L);
    return curl_easy_setopt(handle, id, NULL);
  case CURLOPT_PREREQFUNCTION: easy_set_prereq(easy); return CURLE_OK;
  default:
    if (shows_progress(id))
      (void)curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 1L);
    /* The data too: headers with data but without a function would go to the
       write function. */
    (void)curl_easy_setopt(handle, (CURLoption)row->data, NULL);
    return curl_easy_setopt(handle, id, NULL);
  }
}

CURLcode callbacks_unset(lua_State *L, Easy *easy, int self, CURLoption id)
{
  const CallbackRow *row = row_find(id);
  callbacks_forget(L, self, id);
  if (is_socket(id)) {
    change_sockets(L, easy, self);
    return CURLE_OK;
  }
  return row == NULL ? CURLE_UNKNOWN_OPTION : unset_row(easy, id, row);
}

/* Setting a callback cannot fail, but for those that this libcurl lacks. */
void callbacks_silence(Easy *easy)
{
  CURL *handle = easy->handle;
  const CallbackRow *row;
  size_t i;
  for (i = 0; i < LISTS; i++)
    for (row = all_rows[i]; row->function != 0; row++)
      (void)curl_easy_setopt(handle, (CURLoption)row->function, NULL);
  (void)curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, callbacks_drop);
  (void)curl_easy_setopt(handle, CURLOPT_READFUNCTION, read_nothing);
  (void)curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 1L);
  /* Without a debug function libcurl would talk to stderr. */
  (void)curl_easy_setopt(handle, CURLOPT_VERBOSE, 0L);
}

void callbacks_allow_save(lua_State *L, Easy *easy)
{
  easy_push_values(L, easy);
  if (lua_istable(L, -1)) { /* else both are being collected */
    if (lua_rawgeti(L, -1, CURLOPT_HSTSWRITEFUNCTION) == LUA_TFUNCTION)
      (void)set_row(easy, row_find(CURLOPT_HSTSWRITEFUNCTION));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void callbacks_adopt(lua_State *L, Easy *easy, int values)
{
  const CallbackRow *row;
  size_t i;
  for (i = 0; i < LISTS; i++)
    for (row = all_rows[i]; row->function != 0; row++) {
      if (lua_rawgeti(L, values, row->function) == LUA_TFUNCTION)
        (void)set_row(easy, row);
      lua_pop(L, 1);
    }
  callbacks_reset_sockets(L, easy, values);
}
