/* require "multisock.core": libcurl as it is, and the libuv loop. */
#include "compat.h"

#include <string.h>
#include <sys/resource.h>

#include "batch.h"
#include "bulk.h"
#include "callbacks.h"
#include "clock.h"
#include "decoder_lua.h"
#include "error.h"
#include "fields.h"
#include "folder.h"
#include "limiter.h"
#include "form.h"
#include "frames.h"
#include "header_fields.h"
#include "headers.h"
#include "info.h"
#include "json.h"
#include "loop.h"
#include "mime.h"
#include "multisock.h"
#include "ready_box.h"
#include "options.h"
#include "part_file.h"
#include "pick.h"
#include "plain.h"
#include "poller.h"
#include "process.h"
#include "public_suffix.h"
#include "quirks.h"
#include "receiver.h"
#include "replacement_lua.h"
#include "request_limits.h"
#include "resume.h"
#include "sha256_lua.h"
#include "share.h"
#include "siphash.h"
#include "lines.h"
#include "perform.h"
#include "usual.h"
#include "start.h"
#include "url.h"
#include "url_known.h"

#define MULTISOCK_VERSION "0.1.0"

static void push_protocols(lua_State *L, const char *const *protocols)
{
  lua_Integer i;
  lua_newtable(L);
  for (i = 0; protocols[i] != NULL; i++) {
    lua_pushstring(L, protocols[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

/* curl's own names, as `curl --version` prints them. */
static const struct {
  unsigned int bit;
  const char *name;
} features[] = {
  { CURL_VERSION_ALTSVC, "alt-svc" },
  { CURL_VERSION_ASYNCHDNS, "AsynchDNS" },
  { CURL_VERSION_BROTLI, "brotli" },
  { CURL_VERSION_CONV, "CharConv" },
  { CURL_VERSION_DEBUG, "Debug" },
  { CURL_VERSION_GSASL, "gsasl" },
  { CURL_VERSION_GSSAPI, "GSS-API" },
  { CURL_VERSION_HSTS, "HSTS" },
  { CURL_VERSION_HTTP2, "HTTP2" },
  { CURL_VERSION_HTTP3, "HTTP3" },
  { CURL_VERSION_HTTPS_PROXY, "HTTPS-proxy" },
  { CURL_VERSION_IDN, "IDN" },
  { CURL_VERSION_IPV6, "IPv6" },
  { CURL_VERSION_KERBEROS5, "Kerberos" },
  { CURL_VERSION_LARGEFILE, "Largefile" },
  { CURL_VERSION_LIBZ, "libz" },
  { CURL_VERSION_MULTI_SSL, "MultiSSL" },
  { CURL_VERSION_NTLM, "NTLM" },
  { CURL_VERSION_NTLM_WB, "NTLM_WB" },
  { CURL_VERSION_PSL, "PSL" },
  { CURL_VERSION_SPNEGO, "SPNEGO" },
  { CURL_VERSION_SSL, "SSL" },
  { CURL_VERSION_SSPI, "SSPI" },
#ifdef CURL_VERSION_THREADSAFE
  { CURL_VERSION_THREADSAFE, "threadsafe" },
#endif
  { CURL_VERSION_TLSAUTH_SRP, "TLS-SRP" },
  { CURL_VERSION_CURLDEBUG, "TrackMemory" },
  { CURL_VERSION_UNICODE, "Unicode" },
  { CURL_VERSION_UNIX_SOCKETS, "UnixSockets" },
  { CURL_VERSION_ZSTD, "zstd" },
};

/* libcurl names its features itself since 7.87, and the newest have no bit. */
static void push_features(lua_State *L, const curl_version_info_data *info)
{
  size_t i;
  lua_newtable(L);
  for (i = 0; i < sizeof features / sizeof *features; i++)
    if ((unsigned int)info->features & features[i].bit)
      field_boolean(L, features[i].name, true);
#if LIBCURL_VERSION_NUM >= 0x075700
  if (info->age >= CURLVERSION_ELEVENTH && info->feature_names != NULL)
    for (i = 0; info->feature_names[i] != NULL; i++)
      field_boolean(L, info->feature_names[i], true);
#endif
}

/*** The versions that run, not those it was built with.
@return table: multisock, lua, curl, curl_number, ssl, quic (nil without HTTP/3),
cainfo and capath (where it looks for authorities by default, nil: nowhere), uv,
protocols (list), features (set), codings (list: the content codings that fetch
undoes)
@see curl_version_info(3) */
static int core_version(lua_State *L)
{
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  lua_newtable(L);
  field_string(L, "multisock", MULTISOCK_VERSION);
  compat_push_release(L);
  lua_setfield(L, -2, "lua");
  field_string(L, "curl", info->version);
  field_integer(L, "curl_number", info->version_num);
  field_string(L, "ssl", info->ssl_version);
  if (info->age >= CURLVERSION_SIXTH && info->quic_version != NULL)
    field_string(L, "quic", info->quic_version);
  if (info->age >= CURLVERSION_SEVENTH) {
    field_string(L, "cainfo", info->cainfo);
    field_string(L, "capath", info->capath);
  }
  field_string(L, "uv", uv_version_string());
  push_protocols(L, info->protocols);
  lua_setfield(L, -2, "protocols");
  push_features(L, info);
  lua_setfield(L, -2, "features");
  decoder_lua_push_codings(L);
  lua_setfield(L, -2, "codings");
  return 1;
}

/*** What is known to be wrong with the libcurl that runs.
@return table from the name of a fault to {issue = its number at curl's,
effect = what may happen, remedy = what multisock does}; only those that this
libcurl has */
static int core_quirks(lua_State *L)
{
  const Quirk *quirk;
  bool all = lua_toboolean(L, 1);
  lua_newtable(L);
  for (quirk = quirks_all; quirk->name != NULL; quirk++) {
    if (!all && !quirk->applies())
      continue;
    lua_createtable(L, 0, 4);
    field_string(L, "versions", quirk->versions);
    field_string(L, "issue", quirk->issue);
    field_string(L, "effect", quirk->effect);
    field_string(L, "remedy", quirk->remedy);
    lua_setfield(L, -2, quirk->name);
  }
  return 1;
}

/*** A date as HTTP writes it, in any of its three forms.
@param text string
@return seconds since 1970; nil when it is none
@see curl_getdate(3) */
static int core_getdate(lua_State *L)
{
  time_t date = curl_getdate(luaL_checkstring(L, 1), NULL);
  if (date == (time_t)-1)
    lua_pushnil(L);
  else
    lua_pushinteger(L, (lua_Integer)date);
  return 1;
}

/*** Chance that nobody can foretell, and no two processes have in common, as Lua's
own generator may.
@param count integer: how many bytes, 256 at most
@return string
@local */
static int core_random(lua_State *L)
{
  char bytes[256];
  lua_Integer count = luaL_checkinteger(L, 1);
  int failed;
  luaL_argcheck(L, count >= 0 && count <= (lua_Integer)sizeof bytes, 1,
                "out of range");
  failed = uv_random(NULL, NULL, bytes, (size_t)count, 0, NULL);
  if (failed)
    return luaL_error(L, "random: %s", uv_strerror(failed));
  lua_pushlstring(L, bytes, (size_t)count);
  return 1;
}

/*** A keyed hash, for what must not be read off its name: SipHash-2-4 of 128 bits.
@param key string: 16 bytes
@param text string
@return string: 32 hexadecimal digits
@local */
static int core_keyed_hash(lua_State *L)
{
  static const char digits[] = "0123456789abcdef";
  size_t key_size, size, i;
  const char *key = luaL_checklstring(L, 1, &key_size);
  const char *text = luaL_checklstring(L, 2, &size);
  unsigned char hash[SIPHASH_BYTES];
  char shown[2 * SIPHASH_BYTES];
  luaL_argcheck(L, key_size == SIPHASH_BYTES, 1, "16 bytes expected");
  siphash((const unsigned char *)key, text, size, hash);
  for (i = 0; i < SIPHASH_BYTES; i++) {
    shown[2 * i] = digits[hash[i] >> 4];
    shown[2 * i + 1] = digits[hash[i] & 15];
  }
  lua_pushlstring(L, shown, sizeof shown);
  return 1;
}

/*** Whether strangers register names under this one, as under "co.uk", by the list
that libcurl has.
@param name string: in lower case, IDN as xn--
@return boolean; nil where this libcurl has no list
@local */
static int core_is_public_suffix(lua_State *L)
{
  int is = public_suffix_is(luaL_checkstring(L, 1));
  if (is < 0)
    lua_pushnil(L);
  else
    lua_pushboolean(L, is);
  return 1;
}

/*** How many files the process may open.
@return integer; nil when there is no limit
@see getrlimit(2) */
static int core_open_files(lua_State *L)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    lua_pushnil(L);
  else
    lua_pushinteger(L, (lua_Integer)limit.rlim_cur);
  return 1;
}

/*** Whether a standard stream is a terminal.
@param fd integer: 0, 1 or 2
@return boolean */
static int core_is_terminal(lua_State *L)
{
  lua_pushboolean(L,
                  uv_guess_handle((uv_file)luaL_checkinteger(L, 1)) == UV_TTY);
  return 1;
}

/*** Whether the running coroutine is this one and may suspend: both questions
that waiting asks, in one call.
@param co coroutine
@return boolean, boolean
@local */
static int core_may_suspend(lua_State *L)
{
  lua_pushboolean(L, lua_tothread(L, 1) == L);
  lua_pushboolean(L, lua_isyieldable(L));
  return 2;
}

static const luaL_Reg functions[] = {
  { "easy", easy_new },
  { "multi", multi_new },
  { "loop", loop_new },
  { "url", url_new },
  { "share", share_new },
  { "mime", mime_new },
  { "pick", pick_fields },
  { "plain", plain_clean },
  { "redact", plain_redact },
  { "error", error_new },
  { "error_table", error_table },
  { "error_refinements", error_refinements },
  { "options", options_list },
  { "infos", info_list },
  { "multi_options", multi_options_list },
  { "poller", poller_new },
  { "ready_box", ready_box_new },
  { "decoder", decoder_lua_new },
  { "sha256", sha256_lua_new },
  { "websocket_frames", frames_new },
  { "websocket_accept", frames_accept },
  { "is_utf8", frames_is_utf8 },
  { "part_file", part_file_new },
  { "check_place", part_file_check_place },
  { "sync_folder", part_file_sync_folder },
  { "replacement", replacement_lua_new },
  { "getdate", core_getdate },
  { "random", core_random },
  { "keyed_hash", core_keyed_hash },
  { "is_public_suffix", core_is_public_suffix },
  { "make_folder", folder_make },
  { "list_folder", folder_list },
  { "touch", folder_touch },
  { "file_size", folder_file_size },
  { "version", core_version },
  { "open_files", core_open_files },
  { "quirks", core_quirks },
  { "is_terminal", core_is_terminal },
  { "easy_count", easy_count },
  { "may_suspend", core_may_suspend },
  { "in_callback", callbacks_are_running },
  { "headers", headers_new },
  { "number_text", number_text },
  { "form", form_new },
  { NULL, NULL },
};

static const struct {
  const char *name;
  lua_Integer value;
} constants[] = {
  { "PAUSE_RECV", CURLPAUSE_RECV },
  { "PAUSE_SEND", CURLPAUSE_SEND },
  { "PAUSE_ALL", CURLPAUSE_ALL },
  { "PAUSE_CONT", CURLPAUSE_CONT },
  { "WRITEFUNC_PAUSE", CURL_WRITEFUNC_PAUSE },
  { "READFUNC_PAUSE", CURL_READFUNC_PAUSE },
  { "READFUNC_ABORT", CURL_READFUNC_ABORT },
  { "SOCKOPT_ALREADY_CONNECTED", CURL_SOCKOPT_ALREADY_CONNECTED },
  { "CHUNK_BGN_FUNC_SKIP", CURL_CHUNK_BGN_FUNC_SKIP },
  { "KHSTAT_FINE_ADD_TO_FILE", CURLKHSTAT_FINE_ADD_TO_FILE },
  { "KHSTAT_FINE", CURLKHSTAT_FINE },
  { "KHSTAT_REJECT", CURLKHSTAT_REJECT },
  { "KHSTAT_DEFER", CURLKHSTAT_DEFER },
  { "KHSTAT_FINE_REPLACE", CURLKHSTAT_FINE_REPLACE },
};

EXPORT int luaopen_multisock_core(lua_State *L)
{
  size_t i;
  CURLcode code;
  luaL_checkversion(L);
  compat_open(L);
  lua_getfield(L, LUA_REGISTRYINDEX, MULTISOCK_CURL_READY);
  code = process_init(lua_toboolean(L, -1));
  lua_pop(L, 1);
  if (code != CURLE_OK)
    return luaL_error(L, "curl_global_init: %s", curl_easy_strerror(code));
  callbacks_open(L);
  error_open(L);
  url_open(L);
  headers_open(L);
  share_open(L);
  mime_open(L);
  easy_open(L);
  multi_open(L);
  loop_open(L);
  poller_open(L);
  ready_box_open(L);
  decoder_lua_open(L);
  sha256_lua_open(L);
  frames_open(L);
  part_file_open(L);
  replacement_lua_open(L);
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  clock_open(L);
  url_known_open(L);
  easy_transfer_open(L);
  limiter_open(L);
  json_open(L);
  resume_open(L);
  header_fields_open(L);
  lines_open(L);
  limits_open(L);
  start_open(L);
  perform_open(L);
  usual_open(L);
  batch_open(L);
  bulk_open(L);
  for (i = 0; i < sizeof constants / sizeof *constants; i++) {
    field_integer(L, constants[i].name, constants[i].value);
  }
  lua_pushlightuserdata(L, NULL); /* what most JSON libraries have */
  lua_setfield(L, -2, "null");
  field_string(L, "_VERSION", "multisock " MULTISOCK_VERSION);
  return 1;
}
