/* Trampolines with which a program keeps HSTS entries itself: read when a
   transfer starts, written when the handle is closed. */
#include "callbacks_private.h"

#include <string.h>

#include "fields.h"

typedef struct Entry {
  struct curl_hstsentry *entry;
  const struct curl_index *index;
  CURLSTScode result;
} Entry;

/* A field of the table at index 2, as text of at most `most` bytes. */
static void copy_text(lua_State *L, const char *field, char *to, size_t most,
                      bool needed)
{
  size_t size;
  const char *text;
  if (lua_getfield(L, 2, field) == LUA_TNIL && !needed) {
    lua_pop(L, 1);
    return;
  }
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L,
               "hstsreadfunction returned an entry with a %s as %s: "
               "string expected",
               luaL_typename(L, -1), field);
  text = lua_tolstring(L, -1, &size);
  if (size == 0 || size > most || strlen(text) != size)
    luaL_error(L,
               "hstsreadfunction returned an entry with a %s that is "
               "empty, too long or has zero bytes",
               field);
  memcpy(to, text, size + 1);
  lua_pop(L, 1);
}

static int read_body(lua_State *L)
{
  Entry *call = lua_touserdata(L, 1);
  struct curl_hstsentry *entry = call->entry;
  lua_call(L, 0, 1);
  call->result = CURLSTS_DONE;
  if (lua_isnil(L, 2))
    return 0;
  if (!lua_istable(L, 2))
    callbacks_refuse(L, "hstsreadfunction", "nil or table");
  copy_text(L, "host", entry->name, entry->namelen, true);
  copy_text(L, "expire", entry->expire, sizeof entry->expire - 1, false);
  lua_getfield(L, 2, "include_subdomains");
  entry->includeSubDomains = lua_toboolean(L, -1) ? 1 : 0;
  call->result = CURLSTS_OK;
  return 0;
}

static CURLSTScode on_hsts_read(CURL *handle, struct curl_hstsentry *entry,
                                void *data)
{
  Entry call = { entry, NULL, CURLSTS_FAIL };
  (void)handle;
  return callbacks_run(data, CURLOPT_HSTSREADFUNCTION, read_body, &call)
             ? call.result
             : CURLSTS_FAIL;
}

static int write_body(lua_State *L)
{
  Entry *call = lua_touserdata(L, 1);
  const struct curl_hstsentry *entry = call->entry;
  lua_createtable(L, 0, 3);
  lua_pushlstring(L, entry->name, entry->namelen);
  lua_setfield(L, -2, "host");
  field_boolean(L, "include_subdomains", entry->includeSubDomains);
  field_string(L, "expire", entry->expire);
  lua_pushinteger(L, (lua_Integer)call->index->index);
  lua_pushinteger(L, (lua_Integer)call->index->total);
  lua_call(L, 3, 1);
  call->result =
      (CURLSTScode)callbacks_code(L, "hstswritefunction", CURLSTS_DONE);
  return 0;
}

static CURLSTScode on_hsts_write(CURL *handle, struct curl_hstsentry *entry,
                                 struct curl_index *index, void *data)
{
  Entry call = { entry, index, CURLSTS_FAIL };
  (void)handle;
  return callbacks_run(data, CURLOPT_HSTSWRITEFUNCTION, write_body, &call)
             ? call.result
             : CURLSTS_FAIL;
}

const CallbackRow callbacks_hsts_rows[] = {
  { CURLOPT_HSTSREADFUNCTION, CURLOPT_HSTSREADDATA, (AnyFunction)on_hsts_read },
  { CURLOPT_HSTSWRITEFUNCTION, CURLOPT_HSTSWRITEDATA,
    (AnyFunction)on_hsts_write },
  { 0, 0, NULL },
};
