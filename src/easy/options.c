/* (name, Lua value) -> curl_easy_setopt. The names, ids and types are asked
   of libcurl at run time, so there is no list here that could age. */
#include "options_private.h"

#include <string.h>

#include "callbacks.h"
#include "error.h"
#include "fields.h"
#include "mime.h"
#include "quirks.h"
#include "share.h"
#include "url.h"

/* libcurl sends most texts as they are, in one protocol or another: a line
   break would let the author of a value write headers, or a second request.
   No option needs one. */
const char *options_check_text(lua_State *L, int idx, const char *name)
{
  size_t size;
  const char *text;
  if (lua_type(L, idx) != LUA_TSTRING && lua_type(L, idx) != LUA_TNUMBER)
    luaL_error(L, "option '%s': string expected, got %s", name,
               luaL_typename(L, idx));
  text = lua_tolstring(L, idx, &size);
  if (strlen(text) != size)
    luaL_error(L, "option '%s': the value has a zero byte", name);
  if (strpbrk(text, "\r\n") != NULL)
    luaL_error(L, "option '%s': the value has a line break", name);
  return text;
}

/* ---- Values that libcurl points into ---- */

/* Keeps a Lua value for as long as the option points into it. */
void options_anchor(lua_State *L, int self, CURLoption id, int value)
{
  compat_getuservalue(L, self);
  lua_pushvalue(L, value);
  lua_rawseti(L, -2, (lua_Integer)id);
  lua_pop(L, 1);
}

void options_release(lua_State *L, int self, CURLoption id)
{
  lua_pushnil(L);
  options_anchor(L, self, id, lua_gettop(L));
  lua_pop(L, 1);
}

/* ---- The other types ---- */

static CURLcode set_string(lua_State *L, Easy *easy, CURLoption id,
                           const char *name, int value)
{
  if (id == CURLOPT_HSTS && quirk_hsts_names_shared())
    easy->related = true;
  if (id == CURLOPT_COOKIEFILE)
    easy->cookie_files = true;
  if (id == CURLOPT_HSTS)
    easy->hsts_files = true;
  /* core.null: none, where nil is libcurl's default. */
  if (lua_islightuserdata(L, value) && lua_touserdata(L, value) == NULL)
    return curl_easy_setopt(easy->handle, id, NULL);
  return curl_easy_setopt(easy->handle, id, options_check_text(L, value, name));
}

static CURLcode set_blob(lua_State *L, Easy *easy, CURLoption id,
                         const char *name, int value)
{
  struct curl_blob blob;
  size_t size;
  if (lua_type(L, value) != LUA_TSTRING)
    luaL_error(L, "option '%s': string expected, got %s", name,
               luaL_typename(L, value));
  blob.data = (void *)lua_tolstring(L, value, &size);
  blob.len = size;
  blob.flags = CURL_BLOB_COPY;
  return curl_easy_setopt(easy->handle, id, &blob);
}

/* ---- Files that libcurl reads or writes itself ---- */

/* The callback option whose place such a file takes; 0: none. */
static CURLoption function_of(CURLoption id)
{
  switch (id) {
  case CURLOPT_WRITEDATA: return CURLOPT_WRITEFUNCTION;
  case CURLOPT_HEADERDATA: return CURLOPT_HEADERFUNCTION;
  case CURLOPT_READDATA: return CURLOPT_READFUNCTION;
  default: return (CURLoption)0;
  }
}

static CURLcode set_file(lua_State *L, Easy *easy, int self, CURLoption id,
                         const char *name, int value)
{
  CURLcode code = options_set_file(L, easy, id, name, value);
  if (code == CURLE_OK)
    callbacks_forget(L, self, function_of(id));
  return code;
}

static CURLcode unset_file(lua_State *L, Easy *easy, int self, CURLoption id)
{
  CURLoption function = function_of(id);
  CURLcode code = CURLE_OK;
  if (id == CURLOPT_STDERR)
    code = curl_easy_setopt(easy->handle, id, NULL);
  else if (options_holds(easy, id))
    code = callbacks_unset(L, easy, self, function);
  if (code == CURLE_OK)
    options_drop(easy, id);
  return code;
}

/* A function takes the place of a file, too. */
static CURLcode drop_file(Easy *easy, CURLoption function, CURLcode code)
{
  if (code != CURLE_OK)
    return code;
  if (function == CURLOPT_WRITEFUNCTION)
    options_drop(easy, CURLOPT_WRITEDATA);
  else if (function == CURLOPT_HEADERFUNCTION)
    options_drop(easy, CURLOPT_HEADERDATA);
  else if (function == CURLOPT_READFUNCTION)
    options_drop(easy, CURLOPT_READDATA);
  return CURLE_OK;
}

/* The user's own value: libcurl's pointer is multisock's way back to the
   handle. */
#define PRIVATE "private"

static CURLcode set_private(lua_State *L, int self, int value)
{
  compat_getuservalue(L, self);
  lua_pushvalue(L, value);
  lua_setfield(L, -2, PRIVATE);
  lua_pop(L, 1);
  return CURLE_OK;
}

static CURLcode unset_object(lua_State *L, Easy *easy, int self,
                             const struct curl_easyoption *option)
{
  switch (option->id) {
  case CURLOPT_POSTFIELDS:
  case CURLOPT_COPYPOSTFIELDS: return options_unset_postfields(L, easy, self);
  case CURLOPT_SHARE: return share_use(L, easy, NULL);
  case CURLOPT_MIMEPOST: return mime_unset(L, easy, self);
  case CURLOPT_CURLU: return options_set_url(easy, NULL);
  case CURLOPT_STREAM_DEPENDS:
  case CURLOPT_STREAM_DEPENDS_E: return options_unset_depends(L, easy, self);
  case CURLOPT_STDERR: return unset_file(L, easy, self, option->id);
  case CURLOPT_PRIVATE:
    lua_pushnil(L);
    return set_private(L, self, lua_gettop(L));
  default:
    return luaL_error(L, "option '%s' is managed by multisock", option->name),
           0;
  }
}

static CURLcode set_object(lua_State *L, Easy *easy, int self, CURLoption id,
                           const char *name, int value)
{
  switch (id) {
  case CURLOPT_POSTFIELDS:
  case CURLOPT_COPYPOSTFIELDS:
    return options_set_postfields(L, easy, self, name, value);
  case CURLOPT_SHARE: return share_use(L, easy, share_check(L, value));
  case CURLOPT_MIMEPOST: return mime_set(L, easy, self, value);
  case CURLOPT_CURLU: return options_set_url(easy, url_check(L, value));
  case CURLOPT_STREAM_DEPENDS:
  case CURLOPT_STREAM_DEPENDS_E:
    return options_set_depends(L, easy, self, id, name, value);
  case CURLOPT_STDERR: return options_set_file(L, easy, id, name, value);
  case CURLOPT_PRIVATE: return set_private(L, self, value);
  default: return luaL_error(L, "option '%s' is managed by multisock", name), 0;
  }
}

/* By number: younger than a header may be. */
#define OPTION_HAPROXY_CLIENT_IP (CURLOPTTYPE_STRINGPOINT + 323)

static CURLcode unset(lua_State *L, Easy *easy, int self,
                      const struct curl_easyoption *option)
{
  CURL *handle = easy->handle;
  CURLoption id = option->id;
  CURLcode code;
  switch (option->type) {
  case CURLOT_LONG:
  case CURLOT_VALUES: return options_unset_long(L, easy, self, id);
  case CURLOT_OFF_T: return options_unset_off_t(L, easy, self, id);
  case CURLOT_FUNCTION:
    return drop_file(easy, id, callbacks_unset(L, easy, self, id));
  case CURLOT_SLIST:
    code = curl_easy_setopt(handle, id, NULL);
    options_drop(easy, id);
    return code;
  case CURLOT_CBPTR: return unset_file(L, easy, self, id);
  case CURLOT_OBJECT: return unset_object(L, easy, self, option);
  case CURLOT_STRING:
    code = curl_easy_setopt(handle, id, options_string_default(id));
    /* libcurl 8 switches the protocol on even when it is told no address. */
    if ((int)id == OPTION_HAPROXY_CLIENT_IP && code == CURLE_OK)
      code = curl_easy_setopt(handle, CURLOPT_HAPROXYPROTOCOL, 0L);
    return code;
  default: return curl_easy_setopt(handle, id, NULL);
  }
}

static CURLcode set_value(lua_State *L, Easy *easy, int self,
                          const struct curl_easyoption *option, int value)
{
  const char *name = option->name;
  switch (option->type) {
  case CURLOT_LONG:
  case CURLOT_VALUES:
    return options_set_long(L, easy, self, option->id, name, value);
  case CURLOT_OFF_T:
    return options_set_off_t(L, easy, self, option->id, name, value);
  case CURLOT_STRING: return set_string(L, easy, option->id, name, value);
  case CURLOT_SLIST: return options_set_list(L, easy, option->id, name, value);
  case CURLOT_BLOB: return set_blob(L, easy, option->id, name, value);
  case CURLOT_OBJECT: return set_object(L, easy, self, option->id, name, value);
  case CURLOT_FUNCTION:
    return drop_file(easy, option->id,
                     callbacks_set(L, easy, self, option->id, name, value));
  default: return set_file(L, easy, self, option->id, name, value);
  }
}

/* ---- Names ---- */

static const char name_cache; /* its address is the registry key */

/* Raises for a name that nobody knows; pushes an error object and returns
   NULL for one that a newer libcurl knows. */
static const struct curl_easyoption *option_lacks(lua_State *L, int name)
{
  const char *text = lua_tostring(L, name);
  const char *since = options_since(text);
  const char *running = curl_version_info(CURLVERSION_NOW)->version;
  if (since == NULL)
    luaL_error(L, "unknown option '%s' (libcurl %s)", text, running);
  lua_pushfstring(L, "option '%s' needs libcurl %s or newer (this is %s)", text,
                  since, running);
  error_push_kind(L, "curl", lua_tostring(L, -1));
  lua_remove(L, -2);
  return NULL;
}

/* curl_easy_option_by_name is a linear scan: each name is asked once. */
static const struct curl_easyoption *option_find(lua_State *L, int name)
{
  const struct curl_easyoption *option;
  if (lua_type(L, name) != LUA_TSTRING)
    luaL_error(L, "option name: string expected, got %s",
               luaL_typename(L, name));
  lua_rawgetp(L, LUA_REGISTRYINDEX, &name_cache);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &name_cache);
  }
  lua_pushvalue(L, name);
  lua_rawget(L, -2);
  option = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (option == NULL) {
    option = curl_easy_option_by_name(lua_tostring(L, name));
    if (option == NULL)
      return option_lacks(L, name);
    lua_pushvalue(L, name);
    lua_pushlightuserdata(L, (void *)option);
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
  return option;
}

bool options_set(lua_State *L, Easy *easy, int self, int name, int value)
{
  const struct curl_easyoption *option = option_find(L, name);
  const char *reason;
  CURLcode code;
  if (option == NULL)
    return false;
  reason = options_reason((int)option->id);
  if (reason != NULL)
    luaL_error(L, "option '%s' cannot be set: it %s", option->name, reason);
  if (easy->receiver != NULL && callbacks_is_received(option->id))
    luaL_error(L, "option '%s' is taken while the transfer is collected",
               option->name);
  message_clear(easy->message);
  code = lua_isnoneornil(L, value) ? unset(L, easy, self, option)
                                   : set_value(L, easy, self, option, value);
  if (code == CURLE_OK)
    return true;
  error_push_easy(L, easy, code);
  lua_pushfstring(L, "option '%s': %s", option->name,
                  easy->message[0] != '\0' ? easy->message
                                           : curl_easy_strerror(code));
  lua_setfield(L, -2, "message");
  return false;
}

bool options_set_all(lua_State *L, Easy *easy, int self, int table)
{
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    int value = lua_gettop(L);
    if (!options_set(L, easy, self, value - 1, value))
      return false;
    lua_settop(L, value - 1);
  }
  return true;
}

static const char *const type_names[] = {
  "long", "values",  "off_t", "object",   "string",
  "list", "pointer", "blob",  "function",
};

/*** Every option that the running libcurl has.
@return list of {name=, id=, type=, reason=}; the type is one of "long"
"values" "off_t" "object" "string" "list" "pointer" "blob" "function"; the
reason tells why an option cannot be set from Lua, nil for those that can
@see curl_easy_option_next(3) */
int options_list(lua_State *L)
{
  const struct curl_easyoption *option = NULL;
  lua_Integer count = 0;
  lua_newtable(L);
  while ((option = curl_easy_option_next(option)) != NULL) {
    if (option->flags & CURLOT_FLAG_ALIAS)
      continue;
    lua_createtable(L, 0, 3);
    field_string(L, "name", option->name);
    field_integer(L, "id", option->id);
    field_string(L, "type", type_names[option->type]);
    field_string(L, "reason", options_reason((int)option->id));
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}
