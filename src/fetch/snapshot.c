/* See snapshot.h. */
#include "snapshot.h"

#include <limits.h>
#include <string.h>

#include "curl_version.h"
#include "headers.h"
#include "receiver.h"

/* A string, because nothing is cheaper for the collector. */
typedef struct Snapshot {
  curl_off_t dns, connect, tls, first_byte, total; /* microseconds */
  curl_off_t down, up;
  int version, head_size, request_size, port, attempts;
  size_t ip, head, trailers; /* bytes that follow */
} Snapshot;

static int info_int(CURL *handle, CURLINFO info)
{
  long value = 0;
  (void)curl_easy_getinfo(handle, info, &value);
  return value <= INT_MAX ? (int)value : INT_MAX;
}

/* What libcurl does not know stays 0. Returns the peer's address, or "". */
static const char *snapshot_fill(Snapshot *shot, CURL *handle)
{
  const char *ip = NULL;
  memset(shot, 0, sizeof *shot);
  /* On a connection that was there it takes no time, and not asking saves 200
     instructions a request. */
  if (info_int(handle, CURLINFO_NUM_CONNECTS) > 0) {
    (void)curl_easy_getinfo(handle, CURLINFO_NAMELOOKUP_TIME_T, &shot->dns);
    (void)curl_easy_getinfo(handle, CURLINFO_CONNECT_TIME_T, &shot->connect);
    (void)curl_easy_getinfo(handle, CURLINFO_APPCONNECT_TIME_T, &shot->tls);
  }
  (void)curl_easy_getinfo(handle, CURLINFO_STARTTRANSFER_TIME_T,
                          &shot->first_byte);
  (void)curl_easy_getinfo(handle, CURLINFO_TOTAL_TIME_T, &shot->total);
  (void)curl_easy_getinfo(handle, CURLINFO_SIZE_DOWNLOAD_T, &shot->down);
  (void)curl_easy_getinfo(handle, CURLINFO_SIZE_UPLOAD_T, &shot->up);
  shot->version = info_int(handle, CURLINFO_HTTP_VERSION);
  shot->head_size = info_int(handle, CURLINFO_HEADER_SIZE);
  shot->request_size = info_int(handle, CURLINFO_REQUEST_SIZE);
  shot->port = info_int(handle, CURLINFO_PRIMARY_PORT);
  (void)curl_easy_getinfo(handle, CURLINFO_PRIMARY_IP, &ip);
  return ip != NULL ? ip : "";
}

/* libcurl counts a body as a part of the request as well: before 8.7 one that it
   sends with the head, later any. */
static curl_off_t bytes_sent(const Easy *easy, curl_off_t request,
                             curl_off_t up)
{
  bool apart = request < up ||
               (easy->receiver->sending && compat_curl_version() < 0x080700);
  return apart ? request + up : request;
}

void snapshot_count(const Easy *easy, Traffic *traffic)
{
  curl_off_t up = 0, down = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SIZE_UPLOAD_T, &up);
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SIZE_DOWNLOAD_T, &down);
  traffic->sent +=
      bytes_sent(easy, info_int(easy->handle, CURLINFO_REQUEST_SIZE), up);
  traffic->received += down + info_int(easy->handle, CURLINFO_HEADER_SIZE);
}

static char *put(char *to, const Buffer *buffer)
{
  size_t size = buffer_size(buffer);
  if (size > 0)
    memcpy(to, buffer_head(buffer), size);
  return to + size;
}

void snapshot_push(lua_State *L, const Easy *easy, Traffic *traffic)
{
  const Receiver *receiver = easy->receiver;
  Snapshot shot;
  luaL_Buffer buffer;
  const char *ip = snapshot_fill(&shot, easy->handle);
  char *to;
  size_t size;
  if (traffic != NULL) {
    traffic->sent += bytes_sent(easy, shot.request_size, shot.up);
    traffic->received += shot.down + shot.head_size;
  }
  shot.attempts = receiver->tries + 1;
  shot.ip = strlen(ip);
  shot.head = buffer_size(&receiver->head);
  shot.trailers = buffer_size(&receiver->seldom->trailers);
  size = sizeof shot + shot.ip + shot.head + shot.trailers;
  to = luaL_buffinitsize(L, &buffer, size);
  memcpy(to, &shot, sizeof shot);
  to += sizeof shot;
  memcpy(to, ip, shot.ip);
  to = put(to + shot.ip, &receiver->head);
  (void)put(to, &receiver->seldom->trailers);
  luaL_pushresultsize(&buffer, size);
}

/* ---- Reading ---- */

static const char *version_name(long version)
{
  switch (version) {
  case CURL_HTTP_VERSION_1_0: return "1.0";
  case CURL_HTTP_VERSION_1_1: return "1.1";
  case CURL_HTTP_VERSION_2_0: return "2";
  case CURL_HTTP_VERSION_3: return "3";
  default: return NULL;
  }
}

static void set_seconds(lua_State *L, const char *name, curl_off_t us)
{
  lua_pushnumber(L, (lua_Number)us / 1e6);
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void push_timings(lua_State *L, const Snapshot *shot)
{
  lua_createtable(L, 0, 6);
  set_seconds(L, "dns", shot->dns);
  set_seconds(L, "connect", shot->connect);
  set_seconds(L, "tls", shot->tls);
  set_seconds(L, "first_byte", shot->first_byte);
  set_seconds(L, "total", shot->total);
}

/* "ADDRESS:PORT" */
static void push_peer(lua_State *L, const char *ip, const Snapshot *shot)
{
  bool is_v6;
  if (shot->ip == 0) {
    lua_pushnil(L);
    return;
  }
  is_v6 = memchr(ip, ':', shot->ip) != NULL;
  lua_pushlstring(L, ip, shot->ip);
  lua_pushfstring(L, is_v6 ? "[%s]:%d" : "%s:%d", lua_tostring(L, -1),
                  shot->port);
}

static void push_sizes(lua_State *L, const Snapshot *shot)
{
  lua_createtable(L, 0, 4);
  set_integer(L, "body", shot->down);
  set_integer(L, "upload", shot->up);
  set_integer(L, "headers", shot->head_size);
  set_integer(L, "request", shot->request_size);
}

/*** Reads one field of a snapshot.
@param snapshot string
@param field "timings" (seconds), "sizes" (bytes), "http_version", "peer",
"reason" (the reason phrase), "headers", "trailers" (see headers.c), "attempts"
(see repeat.c), "cookies" (list of what Set-Cookie says)
@return the value; nil where there is none */
int snapshot_read(lua_State *L)
{
  static const char *const fields[] = { "timings",  "sizes",    "http_version",
                                        "peer",     "reason",   "headers",
                                        "trailers", "attempts", "cookies",
                                        NULL };
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  Snapshot shot;
  luaL_argcheck(L, size >= sizeof shot, 1, "is no snapshot");
  memcpy(&shot, bytes, sizeof shot);
  bytes += sizeof shot;
  size -= sizeof shot;
  luaL_argcheck(L,
                shot.ip <= size && shot.head <= size - shot.ip &&
                    shot.trailers == size - shot.ip - shot.head,
                1, "is no snapshot");
  switch (luaL_checkoption(L, 2, NULL, fields)) {
  case 0: push_timings(L, &shot); break;
  case 1: push_sizes(L, &shot); break;
  case 2: lua_pushstring(L, version_name(shot.version)); break;
  case 3: push_peer(L, bytes, &shot); break;
  case 4: headers_push_reason(L, bytes + shot.ip, shot.head); break;
  case 5: headers_push(L, bytes + shot.ip, shot.head); break;
  case 6: headers_push(L, bytes + shot.ip + shot.head, shot.trailers); break;
  case 7: lua_pushinteger(L, shot.attempts); break;
  default: headers_push_cookies(L, bytes + shot.ip, shot.head); break;
  }
  return 1;
}
