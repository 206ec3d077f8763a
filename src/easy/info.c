/* curl_easy_getinfo by name. libcurl has no list to ask at run time; the
   numbers never change, so those that a header lacks are written out. */
#include "info.h"

#include <string.h>

#include "error.h"

typedef struct InfoRow {
  const char *name;
  int id;
  const char *since; /* NULL: 7.81 has it, the oldest that builds */
} InfoRow;

#define SINCE(type, name, number, since)    \
  {                                         \
    name, CURLINFO_##type + (number), since \
  }
#define STRING(name, number) SINCE(STRING, name, number, NULL)
#define LONG(name, number) SINCE(LONG, name, number, NULL)
#define OFF_T(name, number) SINCE(OFF_T, name, number, NULL)
#define DOUBLE(name, number) SINCE(DOUBLE, name, number, NULL)
#define SLIST(name, number) SINCE(SLIST, name, number, NULL)
#define SOCKET(name, number) SINCE(SOCKET, name, number, NULL)

/* libcurl's type for pointers is that of its lists. */
#define INFO_PRIVATE (CURLINFO_STRING + 21)
#define INFO_LASTSOCKET (CURLINFO_LONG + 29)
#define INFO_TLS_SESSION (CURLINFO_SLIST + 43)
#define INFO_TLS_SSL_PTR (CURLINFO_SLIST + 45)

static const InfoRow rows[] = {
  STRING("effective_url", 1),
  LONG("response_code", 2),
  DOUBLE("total_time", 3),
  DOUBLE("namelookup_time", 4),
  DOUBLE("connect_time", 5),
  DOUBLE("pretransfer_time", 6),
  DOUBLE("size_upload", 7),
  OFF_T("size_upload_t", 7),
  DOUBLE("size_download", 8),
  OFF_T("size_download_t", 8),
  DOUBLE("speed_download", 9),
  OFF_T("speed_download_t", 9),
  DOUBLE("speed_upload", 10),
  OFF_T("speed_upload_t", 10),
  LONG("header_size", 11),
  LONG("request_size", 12),
  LONG("ssl_verifyresult", 13),
  LONG("filetime", 14),
  OFF_T("filetime_t", 14),
  DOUBLE("content_length_download", 15),
  OFF_T("content_length_download_t", 15),
  DOUBLE("content_length_upload", 16),
  OFF_T("content_length_upload_t", 16),
  DOUBLE("starttransfer_time", 17),
  STRING("content_type", 18),
  DOUBLE("redirect_time", 19),
  LONG("redirect_count", 20),
  STRING("private", 21),
  LONG("http_connectcode", 22),
  LONG("httpauth_avail", 23),
  LONG("proxyauth_avail", 24),
  LONG("os_errno", 25),
  LONG("num_connects", 26),
  SLIST("ssl_engines", 27),
  SLIST("cookielist", 28),
  LONG("lastsocket", 29),
  STRING("ftp_entry_path", 30),
  STRING("redirect_url", 31),
  STRING("primary_ip", 32),
  DOUBLE("appconnect_time", 33),
  SLIST("certinfo", 34),
  LONG("condition_unmet", 35),
  STRING("rtsp_session_id", 36),
  LONG("rtsp_client_cseq", 37),
  LONG("rtsp_server_cseq", 38),
  LONG("rtsp_cseq_recv", 39),
  LONG("primary_port", 40),
  STRING("local_ip", 41),
  LONG("local_port", 42),
  SLIST("tls_session", 43),
  SOCKET("activesocket", 44),
  SLIST("tls_ssl_ptr", 45),
  LONG("http_version", 46),
  LONG("proxy_ssl_verifyresult", 47),
  LONG("protocol", 48),
  STRING("scheme", 49),
  OFF_T("total_time_t", 50),
  OFF_T("namelookup_time_t", 51),
  OFF_T("connect_time_t", 52),
  OFF_T("pretransfer_time_t", 53),
  OFF_T("starttransfer_time_t", 54),
  OFF_T("redirect_time_t", 55),
  OFF_T("appconnect_time_t", 56),
  OFF_T("retry_after", 57),
  STRING("effective_method", 58),
  LONG("proxy_error", 59),
  STRING("referer", 60),
  SINCE(STRING, "cainfo", 61, "7.84.0"),
  SINCE(STRING, "capath", 62, "7.84.0"),
  SINCE(OFF_T, "xfer_id", 63, "8.2.0"),
  SINCE(OFF_T, "conn_id", 64, "8.2.0"),
  SINCE(OFF_T, "queue_time_t", 65, "8.6.0"),
  SINCE(LONG, "used_proxy", 66, "8.7.0"),
  SINCE(OFF_T, "posttransfer_time_t", 67, "8.10.0"),
  SINCE(OFF_T, "earlydata_sent_t", 68, "8.11.0"),
  SINCE(LONG, "httpauth_used", 69, "8.12.0"),
  SINCE(LONG, "proxyauth_used", 70, "8.12.0"),
  SINCE(OFF_T, "size_delivered", 71, "8.20.0"),
};

static const InfoRow *row_find(lua_State *L, int name)
{
  const char *text = luaL_checkstring(L, name);
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].name, text) == 0)
      return &rows[i];
  luaL_error(L, "unknown info '%s'", text);
  return NULL;
}

static void push_slist(lua_State *L, const struct curl_slist *items)
{
  lua_Integer count = 0;
  lua_newtable(L);
  for (; items != NULL; items = items->next) {
    lua_pushstring(L, items->data);
    lua_rawseti(L, -2, ++count);
  }
}

/* One table of fields for each certificate of the chain. */
static CURLcode push_certinfo(lua_State *L, Easy *easy)
{
  struct curl_certinfo *certs = NULL;
  int i;
  CURLcode code = curl_easy_getinfo(easy->handle, CURLINFO_CERTINFO, &certs);
  if (code != CURLE_OK)
    return code;
  lua_newtable(L);
  for (i = 0; certs != NULL && i < certs->num_of_certs; i++) {
    const struct curl_slist *field = certs->certinfo[i];
    lua_newtable(L);
    for (; field != NULL; field = field->next) {
      const char *colon = strchr(field->data, ':');
      if (colon == NULL)
        continue;
      lua_pushlstring(L, field->data, (size_t)(colon - field->data));
      lua_pushstring(L, colon + 1);
      lua_rawset(L, -3);
    }
    lua_rawseti(L, -2, i + 1);
  }
  return CURLE_OK;
}

static const char *backend_name(curl_sslbackend backend)
{
  static const char *const names[] = {
    "none",  "openssl",  "gnutls",   "nss",      "obsolete",
    "gskit", "polarssl", "wolfssl",  "schannel", "securetransport",
    "axtls", "mbedtls",  "mesalink", "bearssl",  "rustls"
  };
  return (size_t)backend < sizeof names / sizeof *names ? names[backend]
                                                        : "unknown";
}

/* {backend=, pointer=}: the pointer is nil while there is no TLS. */
static CURLcode push_tls(lua_State *L, Easy *easy, CURLINFO id)
{
  struct curl_tlssessioninfo *session = NULL;
  CURLcode code = curl_easy_getinfo(easy->handle, id, &session);
  if (code != CURLE_OK)
    return code;
  if (session == NULL) {
    lua_pushnil(L);
    return CURLE_OK;
  }
  lua_createtable(L, 0, 2);
  lua_pushstring(L, backend_name(session->backend));
  lua_setfield(L, -2, "backend");
  if (session->internals != NULL) {
    lua_pushlightuserdata(L, session->internals);
    lua_setfield(L, -2, "pointer");
  }
  return CURLE_OK;
}

static CURLcode push_list(lua_State *L, Easy *easy, CURLINFO id)
{
  struct curl_slist *items = NULL;
  CURLcode code;
  if (id == CURLINFO_CERTINFO)
    return push_certinfo(L, easy);
  if ((int)id == INFO_TLS_SESSION || (int)id == INFO_TLS_SSL_PTR)
    return push_tls(L, easy, id);
  code = curl_easy_getinfo(easy->handle, id, &items);
  if (code != CURLE_OK)
    return code;
  push_slist(L, items);
  curl_slist_free_all(items);
  return CURLE_OK;
}

static CURLcode push_number(lua_State *L, Easy *easy, CURLINFO id)
{
  CURL *handle = easy->handle;
  CURLcode code;
  long number = 0;
  double real = 0;
  curl_off_t large = 0;
  curl_socket_t fd = CURL_SOCKET_BAD;
  switch (id & CURLINFO_TYPEMASK) {
  case CURLINFO_LONG:
    code = curl_easy_getinfo(handle, id, &number);
    if ((int)id == INFO_LASTSOCKET && number == -1)
      lua_pushnil(L);
    else
      lua_pushinteger(L, number);
    return code;
  case CURLINFO_DOUBLE:
    code = curl_easy_getinfo(handle, id, &real);
    lua_pushnumber(L, real);
    return code;
  case CURLINFO_SOCKET:
    code = curl_easy_getinfo(handle, id, &fd);
    if (fd == CURL_SOCKET_BAD)
      lua_pushnil(L);
    else
      lua_pushinteger(L, (lua_Integer)fd);
    return code;
  default:
    code = curl_easy_getinfo(handle, id, &large);
    lua_pushinteger(L, large);
    return code;
  }
}

/* What the user has set: libcurl's own pointer is multisock's. */
static void push_private(lua_State *L, const Easy *easy)
{
  easy_push_values(L, easy);
  lua_getfield(L, -1, "private");
  lua_remove(L, -2);
}

static void push_lack(lua_State *L, Easy *easy, const InfoRow *row,
                      CURLcode code)
{
  const char *running = curl_version_info(CURLVERSION_NOW)->version;
  error_push_easy(L, easy, code);
  if (row->since != NULL)
    lua_pushfstring(L, "info '%s' needs libcurl %s or newer (this is %s)",
                    row->name, row->since, running);
  else
    lua_pushfstring(L, "libcurl %s does not know info '%s'", running,
                    row->name);
  lua_setfield(L, -2, "message");
}

bool info_push(lua_State *L, Easy *easy, int name)
{
  const InfoRow *row = row_find(L, name);
  CURLINFO id = (CURLINFO)row->id;
  int top = lua_gettop(L);
  const char *text = NULL;
  CURLcode code;
  if (row->id == INFO_PRIVATE) {
    push_private(L, easy);
    return true;
  }
  switch (id & CURLINFO_TYPEMASK) {
  case CURLINFO_STRING:
    code = curl_easy_getinfo(easy->handle, id, &text);
    lua_pushstring(L, text); /* nil for NULL */
    break;
  case CURLINFO_SLIST: code = push_list(L, easy, id); break;
  default: code = push_number(L, easy, id);
  }
  if (code == CURLE_OK)
    return true;
  lua_settop(L, top);
  push_lack(L, easy, row, code);
  return false;
}

/*** The names that getinfo takes.
@return list of strings */
int info_list(lua_State *L)
{
  size_t i;
  lua_createtable(L, (int)(sizeof rows / sizeof *rows), 0);
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    lua_pushstring(L, rows[i].name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}
