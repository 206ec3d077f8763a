/* Trampolines from libcurl's callbacks to the Lua functions of easy handles.
   They run under pcall on a thread of their own: no error and no yield
   crosses libcurl. A callback that raises ends its own transfer, and the
   value that it raised is what perform or info_read then returns. */
#include "callbacks.h"

#include <string.h>

#include "receiver.h"

static const char thread_key;      /* its address is the registry key */

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

/* Pushes the function of this option; NULL when the callback must not or
   cannot run, and then the transfer is to be ended. */
static lua_State *begin(Easy *easy, CURLoption id)
{
  lua_State *L = easy->callbacks;
  if (easy->orphan || easy->failed_in_lua || !lua_checkstack(L, 16))
    return NULL;
  easy_push_values(L, easy);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    return NULL;
  }
  lua_rawgeti(L, -1, (lua_Integer)id);
  lua_remove(L, -2);
  return L;
}

bool callbacks_call(lua_State *L, Easy *easy, int arguments)
{
  int status;
  easy->depth++;
  status = lua_pcall(L, arguments, 1, 0);
  easy->depth--;
  if (status != LUA_OK) {
    easy_keep_error(L, easy);
    return false;
  }
  if (easy->orphan) {
    lua_pop(L, 1);
    return false;
  }
  return true;
}

/* Raises, for the transfer, an error of the callback's own making. */
static void refuse_result(lua_State *L, Easy *easy, const char *name,
                          const char *expected)
{
  lua_pushfstring(L, "%s returned %s: %s expected", name,
                  luaL_tolstring(L, -1, NULL), expected);
  lua_remove(L, -2);
  easy_keep_error(L, easy);
  lua_pop(L, 1);
}

/* nil and true: all taken; false: end the transfer; a number: that many. */
static size_t take_result(lua_State *L, Easy *easy, const char *name,
                          size_t size)
{
  size_t taken = size;
  if (lua_type(L, -1) == LUA_TNUMBER && lua_isinteger(L, -1))
    taken = (size_t)lua_tointeger(L, -1);
  else if (lua_isboolean(L, -1))
    taken = lua_toboolean(L, -1) ? size : size + 1;
  else if (!lua_isnil(L, -1)) {
    refuse_result(L, easy, name, "nil, boolean or integer");
    return size + 1;
  }
  lua_pop(L, 1);
  return taken;
}

static size_t pass_bytes(Easy *easy, CURLoption id, const char *name,
                         const char *bytes, size_t size)
{
  lua_State *L = begin(easy, id);
  if (L == NULL)
    return size + 1;               /* anything but `size` ends it */
  lua_pushlstring(L, bytes, size);
  if (!callbacks_call(L, easy, 1))
    return size + 1;
  return take_result(L, easy, name, size);
}

static size_t on_write(char *bytes, size_t one, size_t size, void *data)
{
  return pass_bytes(data, CURLOPT_WRITEFUNCTION, "writefunction", bytes,
                    one * size);
}

static size_t on_header(char *bytes, size_t one, size_t size, void *data)
{
  return pass_bytes(data, CURLOPT_HEADERFUNCTION, "headerfunction", bytes,
                    one * size);
}

static bool is_number(lua_State *L, lua_Integer number)
{
  return lua_isinteger(L, -1) && lua_tointeger(L, -1) == number;
}

size_t callbacks_take_chunk(lua_State *L, Easy *easy, const char *name,
                            char *bytes, size_t room)
{
  size_t size = 0;
  if (lua_type(L, -1) == LUA_TSTRING) {
    const char *chunk = lua_tolstring(L, -1, &size);
    if (size > room) {
      lua_pushfstring(L, "%s returned %I bytes, %I were asked for", name,
                      (LUAI_UACINT)size, (LUAI_UACINT)room);
      easy_keep_error(L, easy);
      lua_pop(L, 1);
      return CURL_READFUNC_ABORT;
    }
    memcpy(bytes, chunk, size);
  }
  else if (is_number(L, CURL_READFUNC_PAUSE) ||
           is_number(L, CURL_READFUNC_ABORT))
    size = (size_t)lua_tointeger(L, -1);
  else if (!lua_isnil(L, -1)) {
    /* Another number would send what the buffer held before. */
    refuse_result(L, easy, name,
                  "string, nil, READFUNC_PAUSE or READFUNC_ABORT");
    return CURL_READFUNC_ABORT;
  }
  lua_pop(L, 1);
  return size;
}

static size_t on_read(char *bytes, size_t one, size_t room, void *data)
{
  Easy *easy = data;
  lua_State *L = begin(easy, CURLOPT_READFUNCTION);
  if (L == NULL)
    return CURL_READFUNC_ABORT;
  lua_pushinteger(L, (lua_Integer)(one * room));
  if (!callbacks_call(L, easy, 1))
    return CURL_READFUNC_ABORT;
  return callbacks_take_chunk(L, easy, "readfunction", bytes, one * room);
}

int callbacks_take_seek(lua_State *L)
{
  bool done = lua_isnil(L, -1) || lua_toboolean(L, -1);
  lua_pop(L, 1);
  return done ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_CANTSEEK;
}

static int on_seek(void *data, curl_off_t offset, int origin)
{
  Easy *easy = data;
  lua_State *L = begin(easy, CURLOPT_SEEKFUNCTION);
  if (L == NULL)
    return CURL_SEEKFUNC_FAIL;
  lua_pushinteger(L, offset);
  lua_pushstring(L, origin == SEEK_SET ? "set"
                                       : origin == SEEK_CUR ? "cur" : "end");
  if (!callbacks_call(L, easy, 2))
    return CURL_SEEKFUNC_FAIL;
  return callbacks_take_seek(L);
}

static int on_xferinfo(void *data, curl_off_t down_total, curl_off_t down,
                       curl_off_t up_total, curl_off_t up)
{
  Easy *easy = data;
  lua_State *L = begin(easy, CURLOPT_XFERINFOFUNCTION);
  int stop;
  if (L == NULL)
    return 1;
  lua_pushinteger(L, down_total);
  lua_pushinteger(L, down);
  lua_pushinteger(L, up_total);
  lua_pushinteger(L, up);
  if (!callbacks_call(L, easy, 4))
    return 1;
  stop = lua_isinteger(L, -1) ? lua_tointeger(L, -1) != 0
                              : lua_isboolean(L, -1) && !lua_toboolean(L, -1);
  lua_pop(L, 1);
  return stop;
}

static int on_debug(CURL *handle, curl_infotype type, char *bytes,
                    size_t size, void *data)
{
  static const char *const names[] = {
    "text", "header_in", "header_out", "data_in", "data_out",
    "ssl_data_in", "ssl_data_out"
  };
  Easy *easy = data;
  lua_State *L;
  (void)handle;                    /* may be one of libcurl's own */
  if (type >= CURLINFO_END)
    return 0;
  L = begin(easy, CURLOPT_DEBUGFUNCTION);
  if (L == NULL)
    return 0;
  lua_pushstring(L, names[type]);
  lua_pushlstring(L, bytes, size);
  if (callbacks_call(L, easy, 2))
    lua_pop(L, 1);
  return 0;
}

typedef void (*AnyFunction)(void);

typedef struct CallbackRow {
  CURLoption function, data;
  AnyFunction trampoline;
} CallbackRow;

static const CallbackRow rows[] = {
  { CURLOPT_WRITEFUNCTION, CURLOPT_WRITEDATA, (AnyFunction)on_write },
  { CURLOPT_HEADERFUNCTION, CURLOPT_HEADERDATA, (AnyFunction)on_header },
  { CURLOPT_READFUNCTION, CURLOPT_READDATA, (AnyFunction)on_read },
  { CURLOPT_SEEKFUNCTION, CURLOPT_SEEKDATA, (AnyFunction)on_seek },
  { CURLOPT_XFERINFOFUNCTION, CURLOPT_XFERINFODATA,
    (AnyFunction)on_xferinfo },
  { CURLOPT_DEBUGFUNCTION, CURLOPT_DEBUGDATA, (AnyFunction)on_debug },
};

#define ROWS (sizeof rows / sizeof *rows)

static const CallbackRow *row_find(CURLoption id)
{
  size_t i;
  for (i = 0; i < ROWS; i++)
    if (rows[i].function == id)
      return &rows[i];
  return NULL;
}

bool callbacks_is_received(CURLoption id)
{
  return id == CURLOPT_WRITEFUNCTION || id == CURLOPT_HEADERFUNCTION ||
         id == CURLOPT_READFUNCTION;
}

static void keep(lua_State *L, int self, CURLoption id, int value)
{
  compat_getuservalue(L, self);
  lua_pushvalue(L, value);
  lua_rawseti(L, -2, (lua_Integer)id);
  lua_pop(L, 1);
}

CURLcode callbacks_set(lua_State *L, Easy *easy, int self, CURLoption id,
                       const char *name, int value)
{
  const CallbackRow *row = row_find(id);
  CURLcode code;
  if (row == NULL)
    luaL_error(L, "option '%s' is not offered yet", name);
  if (!lua_isfunction(L, value))
    luaL_error(L, "option '%s': function expected, got %s", name,
               luaL_typename(L, value));
  keep(L, self, id, value);
  code = curl_easy_setopt(easy->handle, row->function, row->trampoline);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy->handle, row->data, easy);
  if (code == CURLE_OK && id == CURLOPT_XFERINFOFUNCTION)
    code = curl_easy_setopt(easy->handle, CURLOPT_NOPROGRESS, 0L);
  return code;
}

/* libcurl's defaults write to stdout and read from stdin; a program that
   unset its callback wants neither, nor a call with our data pointer. */
static size_t drop_bytes(char *bytes, size_t one, size_t size, void *data)
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

CURLcode callbacks_unset(lua_State *L, Easy *easy, int self, CURLoption id,
                         const char *name)
{
  const CallbackRow *row = row_find(id);
  CURL *handle = easy->handle;
  if (row == NULL)
    luaL_error(L, "option '%s' is not offered yet", name);
  lua_pushnil(L);
  keep(L, self, id, lua_gettop(L));
  lua_pop(L, 1);
  switch (id) {
  case CURLOPT_WRITEFUNCTION:
    return curl_easy_setopt(handle, id, drop_bytes);
  case CURLOPT_READFUNCTION:
    return curl_easy_setopt(handle, id, read_nothing);
  case CURLOPT_XFERINFOFUNCTION:
    (void)curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 1L);
    return curl_easy_setopt(handle, id, NULL);
  default:
    /* The data too: headers with data but without a function would go to the
       write function. */
    (void)curl_easy_setopt(handle, row->data, NULL);
    return curl_easy_setopt(handle, id, NULL);
  }
}

void callbacks_rebind(lua_State *L, Easy *easy)
{
  size_t i;
  for (i = 0; i < ROWS; i++) {
    /* Where none is set the data is not ours: a FILE, by default. */
    if (lua_rawgeti(L, -1, (lua_Integer)rows[i].function) == LUA_TFUNCTION)
      (void)curl_easy_setopt(easy->handle, rows[i].data, easy);
    lua_pop(L, 1);
  }
}

/* Setting a callback cannot fail. */
void callbacks_silence(Easy *easy)
{
  CURL *handle = easy->handle;
  size_t i;
  for (i = 0; i < ROWS; i++)
    (void)curl_easy_setopt(handle, rows[i].function, NULL);
  (void)curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, drop_bytes);
  (void)curl_easy_setopt(handle, CURLOPT_READFUNCTION, read_nothing);
  (void)curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 1L);
  /* Without a debug function libcurl would talk to stderr. */
  (void)curl_easy_setopt(handle, CURLOPT_VERBOSE, 0L);
}
