/* See snapshot.h. */
#include "snapshot.h"

#include <limits.h>
#include <string.h>

#include "curl_version.h"
#include "fields.h"
#include "headers.h"
#include "receiver.h"

/* What the headers of a response keep beside them, so that there is but one object:
   most responses are never asked for either. */
typedef struct Snapshot {
  curl_off_t dns, connect, tls, first_byte, total; /* microseconds */
  curl_off_t down, up;
  int version, head_size, request_size, port, attempts;
  int ip; /* its size; it follows, and the block of the trailers follows that */
} Snapshot;

static int info_int(CURL *handle, CURLINFO info)
{
  long value = 0;
  (void)curl_easy_getinfo(handle, info, &value);
  return value <= INT_MAX ? (int)value : INT_MAX;
}

/* What libcurl does not know stays 0. Returns the peer's address, or "". */
static const char *snapshot_fill(Snapshot *shot, const Easy *easy)
{
  CURL *handle = easy->handle;
  const char *ip = NULL;
  memset(shot, 0, sizeof *shot);
  /* On a connection that was there it takes no time, and not asking saves 200
     instructions a request. */
  if ((!easy->receiver->tried_kept || easy->receiver->reconnects) &&
      info_int(handle, CURLINFO_NUM_CONNECTS) > 0) {
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

static void put(char *to, const Buffer *buffer)
{
  size_t size = buffer_size(buffer);
  if (size > 0)
    memcpy(to, buffer_head(buffer), size);
}

void snapshot_push(lua_State *L, const Easy *easy, Traffic *traffic)
{
  const Receiver *receiver = easy->receiver;
  const Buffer *trailers = &receiver->seldom->trailers;
  Snapshot shot;
  const char *ip = snapshot_fill(&shot, easy);
  size_t ip_size = strlen(ip);
  void *memory;
  char *own, *head;
  if (traffic != NULL) {
    traffic->sent += bytes_sent(easy, shot.request_size, shot.up);
    traffic->received += shot.down + shot.head_size;
  }
  shot.attempts = receiver->tries + 1;
  shot.ip = (int)ip_size;
  head = headers_push(L, buffer_size(&receiver->head),
                      sizeof shot + ip_size + buffer_size(trailers), &memory);
  put(head, &receiver->head);
  own = memory;
  memcpy(own, &shot, sizeof shot);
  own += sizeof shot;
  memcpy(own, ip, ip_size);
  put(own + ip_size, trailers);
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
static void push_peer(lua_State *L, const Snapshot *shot)
{
  const char *ip = (const char *)(shot + 1);
  size_t size = (size_t)shot->ip;
  if (size == 0) {
    lua_pushnil(L);
    return;
  }
  lua_pushlstring(L, ip, size);
  lua_pushfstring(L, memchr(ip, ':', size) != NULL ? "[%s]:%d" : "%s:%d",
                  lua_tostring(L, -1), shot->port);
}

static void push_sizes(lua_State *L, const Snapshot *shot)
{
  lua_createtable(L, 0, 4);
  field_integer(L, "body", shot->down);
  field_integer(L, "upload", shot->up);
  field_integer(L, "headers", shot->head_size);
  field_integer(L, "request", shot->request_size);
}

void snapshot_push_field(lua_State *L, int idx, SnapshotField field)
{
  const void *memory;
  size_t own;
  Span head = headers_read(L, idx, &memory, &own), trailers;
  const Snapshot *shot = memory;
  luaL_argcheck(L, own >= sizeof *shot, idx, "is no snapshot");
  switch (field) {
  case SNAPSHOT_TIMINGS: push_timings(L, shot); break;
  case SNAPSHOT_SIZES: push_sizes(L, shot); break;
  case SNAPSHOT_VERSION: lua_pushstring(L, version_name(shot->version)); break;
  case SNAPSHOT_PEER: push_peer(L, shot); break;
  case SNAPSHOT_REASON: headers_push_reason(L, head); break;
  case SNAPSHOT_HEADERS: lua_pushvalue(L, idx); break;
  case SNAPSHOT_TRAILERS:
    trailers.at = (const char *)(shot + 1) + shot->ip;
    trailers.end = (const char *)memory + own;
    headers_push_copy(L, trailers);
    break;
  case SNAPSHOT_ATTEMPTS: lua_pushinteger(L, shot->attempts); break;
  case SNAPSHOT_COOKIES: headers_push_cookies(L, head); break;
  }
}

/*** Reads one field of a snapshot.
@param snapshot headers of Easy:snapshot
@param field "timings" (seconds), "sizes" (bytes), "http_version", "peer",
"reason" (the reason phrase), "headers" (itself), "trailers" (headers as well),
"attempts" (see repeat.c), "cookies" (list of what Set-Cookie says)
@return the value; nil where there is none */
int snapshot_read(lua_State *L)
{
  static const char *const names[] = { "timings",  "sizes",    "http_version",
                                       "peer",     "reason",   "headers",
                                       "trailers", "attempts", "cookies",
                                       NULL };
  snapshot_push_field(L, 1, (SnapshotField)luaL_checkoption(L, 2, NULL, names));
  return 1;
}
