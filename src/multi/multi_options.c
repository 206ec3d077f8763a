/* Options of a multi, by name, and which events its notify callback hears
   of. libcurl cannot be asked for them, hence the table. */
#include "multi_lua.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "fields.h"
#include "newer.h"

typedef enum MultiOptionType {
  TYPE_LONG,
  TYPE_OFF_T,
  TYPE_LIST,
  TYPE_FUNCTION,
  TYPE_POINTER
} MultiOptionType;

/* Named as core.options() names them. */
static const char *const type_names[] = { "long", "off_t", "list", "function",
                                          "pointer" };

typedef void (*AnyFunction)(void);

typedef struct MultiOption {
  const char *name;
  MultiOptionType type;
  int id;                 /* numbers never change; headers may be older */
  unsigned int since;     /* the first libcurl that has it; 0: all of ours */
  long initial;           /* its default */
  AnyFunction trampoline; /* of a function; the data is the next id */
} MultiOption;

/* libcurl 7.88 writes the body of a pushed stream to a null pointer (its
   http2.c takes the buffer of a handle that has none yet); the code was
   replaced in 8.1. Denying is all that older versions could do safely. */
#define PUSH_WORKS 0x080100

#define OBJECT CURLOPTTYPE_OBJECTPOINT
#define FUNCTION CURLOPTTYPE_FUNCTIONPOINT
#define OFF_T CURLOPTTYPE_OFF_T

static const MultiOption options[] = {
  { "socketfunction", TYPE_FUNCTION, FUNCTION + 1, 0, 0,
    (AnyFunction)multi_on_socket },
  { "socketdata", TYPE_POINTER, OBJECT + 2, 0, 0, NULL },
  { "pipelining", TYPE_LONG, 3, 0, CURLPIPE_MULTIPLEX, NULL },
  { "timerfunction", TYPE_FUNCTION, FUNCTION + 4, 0, 0,
    (AnyFunction)multi_on_timer },
  { "timerdata", TYPE_POINTER, OBJECT + 5, 0, 0, NULL },
  { "maxconnects", TYPE_LONG, 6, 0, MULTI_MAX_CONNECTS, NULL },
  { "max_host_connections", TYPE_LONG, 7, 0, 0, NULL },
  { "max_pipeline_length", TYPE_LONG, 8, 0, 5, NULL },
  { "content_length_penalty_size", TYPE_OFF_T, OFF_T + 9, 0, 0, NULL },
  { "chunk_length_penalty_size", TYPE_OFF_T, OFF_T + 10, 0, 0, NULL },
  { "pipelining_site_bl", TYPE_LIST, OBJECT + 11, 0, 0, NULL },
  { "pipelining_server_bl", TYPE_LIST, OBJECT + 12, 0, 0, NULL },
  { "max_total_connections", TYPE_LONG, 13, 0, 0, NULL },
  { "pushfunction", TYPE_FUNCTION, FUNCTION + 14, PUSH_WORKS, 0,
    (AnyFunction)multi_on_push },
  { "pushdata", TYPE_POINTER, OBJECT + 15, PUSH_WORKS, 0, NULL },
  { "max_concurrent_streams", TYPE_LONG, 16, 0, 100, NULL },
  { "network_changed", TYPE_LONG, 17, 0x081000, 0, NULL },
  { "notifyfunction", TYPE_FUNCTION, FUNCTION + 18, NEWER_NOTIFY, 0,
    (AnyFunction)multi_on_notify },
  { "notifydata", TYPE_POINTER, OBJECT + 19, NEWER_NOTIFY, 0, NULL },
  { "resolve_threads_max", TYPE_LONG, 20, 0x081400, 20, NULL },
  { "quick_exit", TYPE_LONG, 21, 0x081400, 0, NULL },
};

#define OPTIONS (sizeof options / sizeof *options)

static const MultiOption *option_find(lua_State *L, int name)
{
  const char *text;
  size_t i;
  if (lua_type(L, name) != LUA_TSTRING)
    luaL_error(L, "unknown multi option: name expected, got %s",
               luaL_typename(L, name));
  text = lua_tostring(L, name);
  for (i = 0; i < OPTIONS; i++)
    if (strcasecmp(options[i].name, text) == 0)
      return &options[i];
  luaL_error(L, "unknown multi option '%s'", text);
  return NULL;
}

static lua_Integer check_number(lua_State *L, const MultiOption *option,
                                int value)
{
  lua_Integer number;
  if (lua_isboolean(L, value))
    return lua_toboolean(L, value);
  if (!lua_isinteger(L, value))
    luaL_error(L, "option '%s': integer expected, got %s", option->name,
               luaL_typename(L, value));
  number = lua_tointeger(L, value);
  if (number < 0 || number > LONG_MAX)
    luaL_error(L, "option '%s': " INTEGER " is out of range", option->name,
               INTEGER_VALUE(number));
  return number;
}

/* libcurl takes the lists that concern pipelining, and has not looked at them
   since 7.62: so it sees only that they are there. */
static CURLMcode set_list(lua_State *L, Multi *multi, const MultiOption *option,
                          int value)
{
  lua_Integer i, count;
  char *nothing[] = { NULL };
  if (lua_isnil(L, value))
    return curl_multi_setopt(multi->handle, (CURLMoption)option->id, NULL);
  if (!lua_istable(L, value))
    luaL_error(L, "option '%s': list of strings expected, got %s", option->name,
               luaL_typename(L, value));
  count = (lua_Integer)lua_rawlen(L, value);
  for (i = 1; i <= count; i++) {
    if (lua_rawgeti(L, value, i) != LUA_TSTRING)
      luaL_error(L, "option '%s': list of strings expected, got a %s in it",
                 option->name, luaL_typename(L, -1));
    lua_pop(L, 1);
  }
  return curl_multi_setopt(multi->handle, (CURLMoption)option->id, nothing);
}

static CURLMcode set_function(lua_State *L, Multi *multi,
                              const MultiOption *option, int value)
{
  bool on = !lua_isnil(L, value);
  CURLMcode code;
  if (on && !lua_isfunction(L, value))
    luaL_error(L, "option '%s': function expected, got %s", option->name,
               luaL_typename(L, value));
  if (multi->loop != NULL && (option->id == CURLMOPT_SOCKETFUNCTION ||
                              option->id == CURLMOPT_TIMERFUNCTION))
    luaL_error(L, "option '%s': a loop drives this multi", option->name);
  compat_getuservalue(L, 1);
  lua_pushvalue(L, value);
  lua_setfield(L, -2, option->name);
  lua_pop(L, 1);
  /* The data first: with the function alone nothing may be called. */
  code = curl_multi_setopt(multi->handle,
                           (CURLMoption)(option->id + 1 - FUNCTION + OBJECT),
                           multi);
  if (code == CURLM_OK)
    code = curl_multi_setopt(multi->handle, (CURLMoption)option->id,
                             on ? option->trampoline : NULL);
  return code;
}

#define POINTER_REASON \
  "is for the data of a C function; a Lua function keeps its own"

static CURLMcode set_value(lua_State *L, Multi *multi,
                           const MultiOption *option, int value)
{
  CURLMoption id = (CURLMoption)option->id;
  lua_Integer number;
  CURLMcode code;
  switch (option->type) {
  case TYPE_FUNCTION: return set_function(L, multi, option, value);
  case TYPE_LIST: return set_list(L, multi, option, value);
  case TYPE_POINTER:
    return luaL_error(L, "option '%s' cannot be set: it %s", option->name,
                      POINTER_REASON),
           CURLM_OK;
  default:
    number =
        lua_isnil(L, value) ? option->initial : check_number(L, option, value);
    multi_enter(multi); /* network_changed closes connections */
    code = option->type == TYPE_LONG
               ? curl_multi_setopt(multi->handle, id, (long)number)
               : curl_multi_setopt(multi->handle, id, (curl_off_t)number);
    multi_leave(multi);
    return code;
  }
}

bool multi_option_set(lua_State *L, Multi *multi, int name, int value)
{
  const MultiOption *option = option_find(L, name);
  CURLMcode code = CURLM_UNKNOWN_OPTION;
  if (compat_curl_version() >= option->since)
    code = set_value(L, multi, option, value);
  if (code == CURLM_OK)
    return true;
  lua_pushfstring(L, "option '%s'", option->name);
  if (code == CURLM_UNKNOWN_OPTION && option->since > 0) {
    error_push_needs(L, lua_tostring(L, -1), option->since);
    return false;
  }
  error_push_multi(L, code);
  lua_pushfstring(L, "%s: %s", lua_tostring(L, -2), curl_multi_strerror(code));
  lua_setfield(L, -2, "message");
  return false;
}

/*** Every option of a multi that the running libcurl has.
@return list of {name=, id=, type=}; the type is one of "long" "off_t" "list"
"pointer" "function"
@see curl_multi_setopt(3) */
int multi_options_list(lua_State *L)
{
  lua_Integer count = 0;
  size_t i;
  lua_newtable(L);
  for (i = 0; i < OPTIONS; i++) {
    if (compat_curl_version() < options[i].since)
      continue;
    lua_createtable(L, 0, 3);
    field_string(L, "name", options[i].name);
    field_integer(L, "id", options[i].id);
    field_string(L, "type", type_names[options[i].type]);
    if (options[i].type == TYPE_POINTER) {
      field_string(L, "reason", POINTER_REASON);
    }
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* ---- Notifications ---- */

/* By number: CURLMNOTIFY_INFO_READ is 0, and so on. */
static const char *const notify_names[] = { "info_read", "easy_done", NULL };

void multi_on_notify(CURLM *handle, unsigned int kind, CURL *easy, void *data)
{
  Multi *multi = data;
  lua_State *L = multi_callback_begin(multi, "notifyfunction");
  (void)handle;
  if (L == NULL)
    return;
  if (kind < sizeof notify_names / sizeof *notify_names - 1)
    lua_pushstring(L, notify_names[kind]);
  else
    lua_pushinteger(L, kind);
  /* With the first kind the handle is one of libcurl's own. */
  multi_push_easy(L, kind == 0 ? NULL : easy);
  multi_callback_call(L, multi, 2);
}

static int set_notify(lua_State *L, const char *what,
                      CURLMcode (*set)(CURLM *multi, unsigned int kind))
{
  Multi *multi = multi_check_idle(L, 1, what);
  int kind = luaL_checkoption(L, 2, NULL, notify_names);
  CURLMcode code;
  if (set == NULL) {
    lua_pushnil(L);
    error_push_needs(L, what, NEWER_NOTIFY);
    return 2;
  }
  multi_enter(multi);
  code = set(multi->handle, (unsigned int)kind);
  multi_leave(multi);
  multi_check_callbacks(L, multi);
  if (code != CURLM_OK)
    return multi_fail(L, code);
  lua_settop(L, 1);
  return 1;
}

/*** Lets `notifyfunction(kind, easy)` be called when this happens.
@param kind "info_read"|"easy_done": the first says that there is something for info_read, where there was
nothing, the second that this transfer has ended
@return self; or nil, err: needs libcurl 8.17
@see curl_multi_notify_enable(3) */
static int multi_notify_enable(lua_State *L)
{
  return set_notify(L, "notify_enable", newer_notify_enable);
}

/*** The opposite of notify_enable.
@param kind "info_read"|"easy_done" as for notify_enable
@return self; or nil, err: needs libcurl 8.17
@see curl_multi_notify_disable(3) */
static int multi_notify_disable(lua_State *L)
{
  return set_notify(L, "notify_disable", newer_notify_disable);
}

const luaL_Reg multi_option_methods[] = {
  { "notify_enable", multi_notify_enable },
  { "notify_disable", multi_notify_disable },
  { NULL, NULL },
};
