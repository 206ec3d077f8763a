/* (name, Lua value) -> curl_easy_setopt. The names, ids and types are asked
   of libcurl at run time, so there is no list here that could age. */
#include "options.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "callbacks.h"
#include "error.h"
#include "url.h"

/* libcurl sends most texts as they are, in one protocol or another: a line
   break would let the author of a value write headers, or a second request.
   No option needs one. */
static const char *check_text(lua_State *L, int idx, const char *name)
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

/* Integers, integral floats, and booleans as 0 and 1. */
static lua_Integer check_integer(lua_State *L, int idx, const char *name,
                                 lua_Integer least, lua_Integer most)
{
  int exact;
  lua_Integer value;
  if (lua_isboolean(L, idx))
    return lua_toboolean(L, idx);
  value = lua_type(L, idx) == LUA_TNUMBER ? lua_tointegerx(L, idx, &exact)
                                          : (exact = 0, 0);
  if (!exact)
    luaL_error(L, "option '%s': integer or boolean expected, got %s", name,
               lua_type(L, idx) == LUA_TNUMBER ? lua_tostring(L, idx)
                                               : luaL_typename(L, idx));
  if (value < least || value > most)
    luaL_error(L, "option '%s': %I is out of range", name,
               (LUAI_UACINT)value);
  return value;
}

/* ---- Lists ---- */

static EasyList **list_find(Easy *easy, CURLoption id)
{
  EasyList **link = &easy->lists;
  while (*link != NULL && (*link)->option != id)
    link = &(*link)->next;
  return link;
}

static void list_remove(Easy *easy, CURLoption id)
{
  EasyList **link = list_find(easy, id);
  EasyList *list = *link;
  if (list == NULL)
    return;
  *link = list->next;
  curl_slist_free_all(list->items);
  free(list);
}

void options_free_lists(Easy *easy)
{
  while (easy->lists != NULL)
    list_remove(easy, easy->lists->option);
}

/* Raises unless it is a list of texts; returns how many. */
static lua_Integer check_list(lua_State *L, int idx, const char *name)
{
  lua_Integer count, pairs = 0;
  if (!lua_istable(L, idx))
    luaL_error(L, "option '%s': list of strings expected, got %s", name,
               luaL_typename(L, idx));
  count = (lua_Integer)lua_rawlen(L, idx);
  lua_pushnil(L);
  while (lua_next(L, idx) != 0) {
    pairs++;
    check_text(L, -1, name);
    lua_pop(L, 1);
  }
  if (pairs != count)
    luaL_error(L, "option '%s': list of strings expected, got a table with "
               "other keys", name);
  return count;
}

static CURLcode set_list(lua_State *L, Easy *easy, CURLoption id,
                         const char *name, int value)
{
  EasyList *list;
  lua_Integer i, count;
  CURLcode code;
  count = check_list(L, value, name);
  list = calloc(1, sizeof *list);
  if (list == NULL)
    return CURLE_OUT_OF_MEMORY;
  list->option = id;
  for (i = 1; i <= count; i++) {
    struct curl_slist *longer;
    lua_rawgeti(L, value, i);
    longer = curl_slist_append(list->items, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (longer == NULL) {
      curl_slist_free_all(list->items);
      free(list);
      return CURLE_OUT_OF_MEMORY;
    }
    list->items = longer;
  }
  code = curl_easy_setopt(easy->handle, id, list->items);
  if (code != CURLE_OK) {
    curl_slist_free_all(list->items);
    free(list);
    return code;
  }
  list_remove(easy, id);           /* libcurl has let go of the old one */
  list->next = easy->lists;
  easy->lists = list;
  return CURLE_OK;
}

/* ---- Values that libcurl points into ---- */

/* Keeps a Lua value for as long as the option points into it. */
static void anchor(lua_State *L, int self, CURLoption id, int value)
{
  compat_getuservalue(L, self);
  lua_pushvalue(L, value);
  lua_rawseti(L, -2, (lua_Integer)id);
  lua_pop(L, 1);
}

static void release(lua_State *L, int self, CURLoption id)
{
  lua_pushnil(L);
  anchor(L, self, id, lua_gettop(L));
  lua_pop(L, 1);
}

/* Bytes of the body that postfields has set; -1: there is none. */
static lua_Integer body_size(lua_State *L, int self)
{
  lua_Integer size = -1;
  compat_getuservalue(L, self);
  if (lua_rawgeti(L, -1, CURLOPT_POSTFIELDS) == LUA_TSTRING)
    size = (lua_Integer)lua_rawlen(L, -1);
  lua_pop(L, 2);
  return size;
}

/* libcurl would send what lies behind a body that is shorter. */
static void check_body_size(lua_State *L, int self, const char *name,
                            lua_Integer size)
{
  lua_Integer most = body_size(L, self);
  if (most >= 0 && (size < 0 || size > most))
    luaL_error(L, "option '%s': %I is out of range, the body has %I bytes",
               name, (LUAI_UACINT)size, (LUAI_UACINT)most);
}

/* ---- The other types ---- */

/* libcurl < 8.1 writes past a small receive buffer with HTTP/2. */
static long clamp_buffer_size(long size)
{
  const long least = 16 * 1024;
  if (compat_curl_version() < 0x080100 &&
      size < least)
    return least;
  return size;
}

static CURLcode set_long(lua_State *L, Easy *easy, int self, CURLoption id,
                         const char *name, int value)
{
  long number = (long)check_integer(L, value, name, LONG_MIN, LONG_MAX);
  if (id == CURLOPT_POSTFIELDSIZE)
    check_body_size(L, self, name, number);
  if (id == CURLOPT_BUFFERSIZE)
    number = clamp_buffer_size(number);
  return curl_easy_setopt(easy->handle, id, number);
}

static CURLcode set_off_t(lua_State *L, Easy *easy, int self, CURLoption id,
                          const char *name, int value)
{
  lua_Integer number = check_integer(L, value, name, LUA_MININTEGER,
                                     LUA_MAXINTEGER);
  if (id == CURLOPT_POSTFIELDSIZE_LARGE)
    check_body_size(L, self, name, number);
  return curl_easy_setopt(easy->handle, id, (curl_off_t)number);
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

/* libcurl reads the body where Lua keeps it: no copy, zero bytes allowed. */
static CURLcode set_postfields(lua_State *L, Easy *easy, int self,
                               const char *name, int value)
{
  size_t size;
  const char *bytes;
  CURLcode code;
  if (lua_type(L, value) != LUA_TSTRING)
    luaL_error(L, "option '%s': string expected, got %s", name,
               luaL_typename(L, value));
  bytes = lua_tolstring(L, value, &size);
  anchor(L, self, CURLOPT_POSTFIELDS, value);
  code = curl_easy_setopt(easy->handle, CURLOPT_POSTFIELDSIZE_LARGE,
                          (curl_off_t)size);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy->handle, CURLOPT_POSTFIELDS, bytes);
  return code;
}

/* Without a body the request is a GET again. libcurl makes it a POST even
   when it is told that there is none, so it is only told of one there was. */
static CURLcode unset_postfields(lua_State *L, Easy *easy, int self)
{
  CURL *handle = easy->handle;
  CURLcode code;
  if (body_size(L, self) < 0)
    return CURLE_OK;
  code = curl_easy_setopt(handle, CURLOPT_POSTFIELDS, NULL);
  if (code == CURLE_OK)
    code = curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t)-1);
  if (code == CURLE_OK)
    code = curl_easy_setopt(handle, CURLOPT_POST, 0L);
  release(L, self, CURLOPT_POSTFIELDS);
  return code;
}

static CURLcode unset_object(lua_State *L, Easy *easy, int self,
                             const struct curl_easyoption *option)
{
  CURLcode code;
  switch (option->id) {
  case CURLOPT_POSTFIELDS:
  case CURLOPT_COPYPOSTFIELDS:
    return unset_postfields(L, easy, self);
  case CURLOPT_CURLU:
    code = curl_easy_setopt(easy->handle, option->id, NULL);
    release(L, self, option->id);
    return code;
  default:
    return luaL_error(L, "option '%s' is managed by multisock",
                      option->name), 0;
  }
}

static CURLcode set_object(lua_State *L, Easy *easy, int self, CURLoption id,
                           const char *name, int value)
{
  CURLU *url;
  switch (id) {
  case CURLOPT_POSTFIELDS:
  case CURLOPT_COPYPOSTFIELDS:
    return set_postfields(L, easy, self, name, value);
  case CURLOPT_CURLU:
    url = url_check(L, value);
    anchor(L, self, id, value);
    return curl_easy_setopt(easy->handle, id, url);
  default:
    return luaL_error(L, "option '%s' is managed by multisock", name), 0;
  }
}

/* By number: deprecated, or younger than a header may be. */
#define OPTION_PROTOCOLS 181
#define OPTION_REDIR_PROTOCOLS 182
#define OPTION_PROTOCOLS_STR 10318
#define OPTION_REDIR_PROTOCOLS_STR 10319
#define OPTION_CA_CACHE_TIMEOUT 321
#define OPTION_QUICK_EXIT 322
#define OPTION_TCP_KEEPCNT 326
#define OPTION_UPLOAD_FLAGS 328

/* Longs whose default in libcurl, or in easy_set_basics, is not 0. */
static const struct {
  int id;
  long value;
} long_defaults[] = {
  { CURLOPT_SSL_VERIFYPEER, 1 },          { CURLOPT_SSL_VERIFYHOST, 2 },
  { CURLOPT_PROXY_SSL_VERIFYPEER, 1 },    { CURLOPT_PROXY_SSL_VERIFYHOST, 2 },
  { CURLOPT_DOH_SSL_VERIFYPEER, 1 },      { CURLOPT_DOH_SSL_VERIFYHOST, 2 },
  { CURLOPT_NOPROGRESS, 1 },              { CURLOPT_NOSIGNAL, 1 },
  { CURLOPT_SSL_SESSIONID_CACHE, 1 },     { CURLOPT_TCP_NODELAY, 1 },
  { CURLOPT_DNS_CACHE_TIMEOUT, 60 },      { CURLOPT_MAXREDIRS, -1 },
  { CURLOPT_HTTP_TRANSFER_DECODING, 1 },  { CURLOPT_SSL_ENABLE_ALPN, 1 },
  { CURLOPT_HTTP_CONTENT_DECODING, 1 },   { CURLOPT_BUFFERSIZE, 16384 },
  { CURLOPT_UPLOAD_BUFFERSIZE, 65536 },   { CURLOPT_POSTFIELDSIZE, -1 },
  { CURLOPT_INFILESIZE, -1 },             { CURLOPT_MAXAGE_CONN, 118 },
  { CURLOPT_EXPECT_100_TIMEOUT_MS, 1000 }, { CURLOPT_TCP_KEEPIDLE, 60 },
  { CURLOPT_TCP_KEEPINTVL, 60 },          { CURLOPT_FTP_USE_EPSV, 1 },
  { CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, 200 }, { CURLOPT_FTP_USE_EPRT, 1 },
  { CURLOPT_FTP_SKIP_PASV_IP, 1 },        { CURLOPT_SSH_AUTH_TYPES, -1 },
  { CURLOPT_HEADEROPT, CURLHEADER_SEPARATE }, { CURLOPT_STREAM_WEIGHT, 16 },
  { CURLOPT_MAXCONNECTS, 5 },             { CURLOPT_TFTP_BLKSIZE, 512 },
  { CURLOPT_RTSP_REQUEST, CURL_RTSPREQ_OPTIONS },
  { CURLOPT_RTSP_CLIENT_CSEQ, 1 },        { OPTION_PROTOCOLS, -1 },
  { OPTION_REDIR_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS |
                              CURLPROTO_FTP | CURLPROTO_FTPS },
  { OPTION_QUICK_EXIT, 1 },               { OPTION_CA_CACHE_TIMEOUT, 86400 },
  { OPTION_TCP_KEEPCNT, 9 },              { OPTION_UPLOAD_FLAGS, 16 },
  { CURLOPT_NEW_FILE_PERMS, 0644 },       { CURLOPT_HTTPAUTH, 1 },
  { CURLOPT_NEW_DIRECTORY_PERMS, 0755 },  { CURLOPT_PROXYAUTH, 1 },
  { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS },
  { CURLOPT_SOCKS5_AUTH, (long)(CURLAUTH_BASIC | CURLAUTH_GSSAPI) },
  { CURLOPT_UPKEEP_INTERVAL_MS, 60000 },
};

static long long_default(CURLoption id)
{
  size_t i;
  if (id == CURLOPT_MAXREDIRS &&
      curl_version_info(CURLVERSION_NOW)->version_num >= 0x080300)
    return 30;
  for (i = 0; i < sizeof long_defaults / sizeof *long_defaults; i++)
    if (long_defaults[i].id == (int)id)
      return long_defaults[i].value;
  return 0;
}

/* What libcurl has before anything is set: for most NULL. */
static const char *string_default(CURLoption id)
{
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  switch ((int)id) {
  case CURLOPT_CAINFO:
  case CURLOPT_PROXY_CAINFO:
    return info->cainfo;
  case CURLOPT_CAPATH:
  case CURLOPT_PROXY_CAPATH:
    return info->capath;
  case OPTION_PROTOCOLS_STR:
    return "all";
  case OPTION_REDIR_PROTOCOLS_STR:
    return "http,https,ftp,ftps";
  default:
    return NULL;
  }
}

static CURLcode unset_long(lua_State *L, Easy *easy, int self, CURLoption id)
{
  long number = long_default(id);
  if (id == CURLOPT_POSTFIELDSIZE)
    number = (long)body_size(L, self);
  return curl_easy_setopt(easy->handle, id, number);
}

static CURLcode unset_off_t(lua_State *L, Easy *easy, int self, CURLoption id)
{
  curl_off_t number = id == CURLOPT_INFILESIZE_LARGE ? -1 : 0;
  if (id == CURLOPT_POSTFIELDSIZE_LARGE)
    number = body_size(L, self);
  return curl_easy_setopt(easy->handle, id, number);
}

static CURLcode unset(lua_State *L, Easy *easy, int self,
                      const struct curl_easyoption *option)
{
  CURL *handle = easy->handle;
  CURLoption id = option->id;
  CURLcode code;
  switch (option->type) {
  case CURLOT_LONG:
  case CURLOT_VALUES:
    return unset_long(L, easy, self, id);
  case CURLOT_OFF_T:
    return unset_off_t(L, easy, self, id);
  case CURLOT_FUNCTION:
    return callbacks_unset(L, easy, self, id, option->name);
  case CURLOT_SLIST:
    code = curl_easy_setopt(handle, id, NULL);
    list_remove(easy, id);
    return code;
  case CURLOT_CBPTR:
    return luaL_error(L, "option '%s' is managed by multisock",
                      option->name), 0;
  case CURLOT_OBJECT:
    return unset_object(L, easy, self, option);
  case CURLOT_STRING:
    code = curl_easy_setopt(handle, id, string_default(id));
    /* By name, as it is newer than the oldest header: to set it, to nothing
       too, switches the protocol on. */
    if (code == CURLE_OK && strcmp(option->name, "HAPROXY_CLIENT_IP") == 0)
      code = curl_easy_setopt(handle, CURLOPT_HAPROXYPROTOCOL, 0L);
    return code;
  default:
    return curl_easy_setopt(handle, id, NULL);
  }
}

static CURLcode set_value(lua_State *L, Easy *easy, int self,
                          const struct curl_easyoption *option, int value)
{
  const char *name = option->name;
  switch (option->type) {
  case CURLOT_LONG:
  case CURLOT_VALUES:
    return set_long(L, easy, self, option->id, name, value);
  case CURLOT_OFF_T:
    return set_off_t(L, easy, self, option->id, name, value);
  case CURLOT_STRING:
    return curl_easy_setopt(easy->handle, option->id,
                            check_text(L, value, name));
  case CURLOT_SLIST:
    return set_list(L, easy, option->id, name, value);
  case CURLOT_BLOB:
    return set_blob(L, easy, option->id, name, value);
  case CURLOT_OBJECT:
    return set_object(L, easy, self, option->id, name, value);
  case CURLOT_FUNCTION:
    return callbacks_set(L, easy, self, option->id, name, value);
  default:
    return luaL_error(L, "option '%s' is managed by multisock", name), 0;
  }
}

/* ---- Names ---- */

static const char name_cache;      /* its address is the registry key */

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
      luaL_error(L, "unknown option '%s' (libcurl %s)",
                 lua_tostring(L, name),
                 curl_version_info(CURLVERSION_NOW)->version);
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
  CURLcode code;
  if (easy->receiver != NULL && option->type == CURLOT_FUNCTION &&
      callbacks_is_received(option->id))
    luaL_error(L, "option '%s' is taken while the transfer is collected",
               option->name);
  easy->message[0] = '\0';
  code = lua_isnoneornil(L, value)
           ? unset(L, easy, self, option)
           : set_value(L, easy, self, option, value);
  if (code == CURLE_OK)
    return true;
  error_push_easy(L, easy, code);
  lua_pushfstring(L, "option '%s': %s", option->name,
                  curl_easy_strerror(code));
  lua_setfield(L, -2, "message");
  return false;
}

static const char *const type_names[] = {
  "long", "values", "off_t", "object", "string", "list", "pointer", "blob",
  "function"
};

/*** Every option that the running libcurl has.
@return list of {name=, id=, type=}; the type is one of "long" "values"
"off_t" "object" "string" "list" "pointer" "blob" "function"
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
    lua_pushstring(L, option->name);
    lua_setfield(L, -2, "name");
    lua_pushinteger(L, option->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, type_names[option->type]);
    lua_setfield(L, -2, "type");
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}
