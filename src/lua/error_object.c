/* Error objects; what makes one of a transfer is easy/error.c. */
#include "error_object.h"

#include <string.h>

#include <curl/curl.h>

#include "fields.h"
#include "plain.h"

#define ERROR_TYPE "multisock.error"

/* What a message says may come from anybody. */
void error_push_kind(lua_State *L, const char *kind, const char *message)
{
  lua_createtable(L, 0, 8);
  luaL_setmetatable(L, ERROR_TYPE);
  field_string(L, "kind", kind);
  plain_push(L, message, strlen(message), '?', PLAIN_MOST, PLAIN_LOGS);
  lua_setfield(L, -2, "message");
}

void error_push_needs(lua_State *L, const char *what, unsigned int version)
{
  lua_pushfstring(L, "%s needs libcurl %d.%d.%d or newer, this is %s", what,
                  (int)(version >> 16), (int)(version >> 8 & 255),
                  (int)(version & 255),
                  curl_version_info(CURLVERSION_NOW)->version);
  error_push_kind(L, "curl", lua_tostring(L, -1));
  lua_remove(L, -2);
}

int error_return(lua_State *L)
{
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

static void push_numbered(lua_State *L, const char *message, int number)
{
  error_push_kind(L, "curl", message);
  field_integer(L, "number", number);
}

void error_push_multi(lua_State *L, CURLMcode code)
{
  push_numbered(L, curl_multi_strerror(code), (int)code);
  if (code == CURLM_RECURSIVE_API_CALL)
    field_string(L, "code", "CURLM_RECURSIVE_API_CALL");
}

void error_push_share(lua_State *L, CURLSHcode code)
{
  push_numbered(L, curl_share_strerror(code), (int)code);
}

void error_push_url(lua_State *L, CURLUcode code)
{
  push_numbered(L, curl_url_strerror(code), (int)code);
  field_string(L, "kind", "url");
}

static const char traceback_key; /* its address is the registry key */

static bool is_object(lua_State *L, int idx)
{
  bool is;
  if (!lua_istable(L, idx) || !lua_getmetatable(L, idx))
    return false;
  luaL_getmetatable(L, ERROR_TYPE);
  is = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is;
}

void error_keep_traceback(lua_State *L)
{
  if (is_object(L, 1)) {
    lua_pushstring(L, "traceback");
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
}

void error_push_traceback(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
}

/* A field as text, whatever a program has put there. */
static const char *field_text(lua_State *L, const char *field,
                              const char *missing)
{
  if (lua_getfield(L, 1, field) == LUA_TNIL)
    return missing;
  return luaL_tolstring(L, -1, NULL);
}

/* err -> "kind: message [url]", one line, whatever was put into it. */
static int error_tostring(lua_State *L)
{
  const char *kind, *message, *url;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  kind = field_text(L, "kind", "curl");
  message = field_text(L, "message", "unknown error");
  url = field_text(L, "url", NULL);
  lua_pushfstring(L, url != NULL ? "%s: %s [%s]" : "%s: %s", kind, message,
                  url);
  message = lua_tostring(L, -1);
  plain_push(L, message, strlen(message), '?', 0, PLAIN_LOGS);
  return 1;
}

/* The field of the table on top, as a message may say it. */
static void clean_field(lua_State *L, const char *field)
{
  lua_getfield(L, 1, field);
  if (lua_type(L, -1) == LUA_TSTRING) {
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    plain_push(L, text, size, '?', PLAIN_MOST, PLAIN_LOGS);
    lua_setfield(L, 1, field);
  }
  lua_pop(L, 1);
}

/*** Makes an error object of a table, and returns the table.
`message` and `url` come out as core.redact has them.
@param fields table with at least `kind` and `message` (strings)
@return table: the same, with the metatable of error objects */
int error_new(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setmetatable(L, ERROR_TYPE);
  clean_field(L, "message");
  clean_field(L, "url");
  return 1;
}

void error_open(lua_State *L)
{
  luaL_newmetatable(L, ERROR_TYPE);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}
