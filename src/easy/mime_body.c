/* CURLOPT_MIMEPOST: builds libcurl's multipart structure for one easy from
   the description of mime.c, and feeds it from Lua functions. A copy that
   libcurl makes of the easy still reads from the first one's functions: it
   must be given the mime again. */
#include "mime.h"

#include <stdio.h>
#include <stdlib.h>

#include "callbacks_private.h"

/* Deeper than any mail; libcurl recurses for each level. */
#define MAX_DEPTH 32

/* The functions of a part are in this field of the easy's values, at `index`
   (read) and after it (seek). */
#define STREAMS "mime_streams"

typedef struct MimeStream {
  struct MimeStream *next;
  Easy *easy;
  lua_Integer index;
  curl_off_t size; /* -1: not known */
  curl_off_t sent;
} MimeStream;

typedef struct MimeBody {
  curl_mime *mime;
  MimeStream *streams;
  lua_Integer count; /* functions, see STREAMS */
} MimeBody;

/* ---- Streams ---- */

/* Calls a function of the stream in `body` with (call, function), under pcall:
   nothing that it raises, or that its result does, crosses libcurl. */
static bool run(const MimeStream *stream, lua_Integer index, lua_CFunction body,
                void *call)
{
  Easy *easy = stream->easy;
  lua_State *L = easy->callbacks;
  if (easy->orphan || easy->failed_in_lua || !lua_checkstack(L, 16))
    return false;
  lua_pushcfunction(L, callbacks_on_error);
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, call);
  easy_push_values(L, easy);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 4);
    return false;
  }
  lua_getfield(L, -1, STREAMS);
  lua_rawgeti(L, -1, index);
  lua_replace(L, -3);
  lua_pop(L, 1);
  return callbacks_call(L, easy);
}

typedef struct Chunk {
  CallbacksRoom to;
  const MimeStream *stream;
} Chunk;

static size_t room_in(const MimeStream *stream, size_t room)
{
  curl_off_t left = stream->size - stream->sent;
  return stream->size >= 0 && left < (curl_off_t)room ? (size_t)left : room;
}

static int read_body(lua_State *L)
{
  static const char name[] = "mime read function";
  Chunk *call = lua_touserdata(L, 1);
  const MimeStream *stream = call->stream;
  callbacks_read(L, name, &call->to);
  /* The server waits for all bytes that were announced. */
  if (call->to.size == 0 && stream->size > stream->sent)
    return luaL_error(L, "%s ended after " INTEGER " bytes, size is " INTEGER,
                      name, INTEGER_VALUE(stream->sent),
                      INTEGER_VALUE(stream->size));
  return 0;
}

static size_t on_read(char *bytes, size_t one, size_t room, void *data)
{
  MimeStream *stream = data;
  Chunk call = { { bytes, room_in(stream, one * room), 0 }, stream };
  CallbacksRoom *to = &call.to;
  if (to->room == 0)
    return 0;
  if (!run(stream, stream->index, read_body, &call))
    return CURL_READFUNC_ABORT;
  if (to->size != CURL_READFUNC_ABORT && to->size != CURL_READFUNC_PAUSE)
    stream->sent += (curl_off_t)to->size;
  return to->size;
}

static int on_seek(void *data, curl_off_t offset, int origin)
{
  MimeStream *stream = data;
  CallbacksSeek call = { offset, origin, CURL_SEEKFUNC_FAIL };
  if (!run(stream, stream->index + 1, callbacks_seek_body, &call))
    return CURL_SEEKFUNC_FAIL;
  if (call.result == CURL_SEEKFUNC_OK && origin == SEEK_SET)
    stream->sent = offset;
  return call.result;
}

/* ---- Building. On top of the stack are the values of a part, and STREAMS of
   the new body at index `streams`. Nothing here raises. ---- */

typedef struct Build {
  Easy *easy;
  MimeBody *body;
  int streams;
} Build;

static CURLcode fail(Easy *easy, CURLcode code, const char *format,
                     const char *argument)
{
  (void)snprintf(easy->message, CURL_ERROR_SIZE, format, argument);
  return code;
}

static CURLcode add_stream(lua_State *L, const Build *build,
                           curl_mimepart *part)
{
  MimeStream *stream = calloc(1, sizeof *stream);
  MimeBody *body = build->body;
  bool seekable;
  if (stream == NULL)
    return CURLE_OUT_OF_MEMORY;
  stream->next = body->streams;
  body->streams = stream;
  stream->easy = build->easy;
  stream->index = body->count + 1;
  body->count += 2;
  lua_getfield(L, -1, "size");
  stream->size = lua_isnil(L, -1) ? -1 : (curl_off_t)lua_tointeger(L, -1);
  lua_getfield(L, -2, "read");
  lua_rawseti(L, build->streams, stream->index);
  lua_getfield(L, -2, "seek");
  seekable = lua_isfunction(L, -1);
  lua_rawseti(L, build->streams, stream->index + 1);
  lua_pop(L, 1);
  return curl_mime_data_cb(part, stream->size, on_read,
                           seekable ? on_seek : NULL, NULL, stream);
}

static CURLcode add_headers(lua_State *L, curl_mimepart *part)
{
  struct curl_slist *list = NULL;
  lua_Integer i, count = (lua_Integer)lua_rawlen(L, -1);
  CURLcode code;
  for (i = 1; i <= count; i++) {
    struct curl_slist *longer;
    lua_rawgeti(L, -1, i);
    longer = curl_slist_append(list, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (longer == NULL) {
      curl_slist_free_all(list);
      return CURLE_OUT_OF_MEMORY;
    }
    list = longer;
  }
  code = curl_mime_headers(part, list, 1);
  if (code != CURLE_OK)
    curl_slist_free_all(list);
  return code;
}

static CURLcode add_parts(lua_State *L, const Build *build, curl_mime *mime,
                          int depth);

/* Its mime, with an owner, is on top of the stack. It is attached before it is
   filled, so that it is freed with the rest. */
static CURLcode add_subparts(lua_State *L, const Build *build,
                             curl_mimepart *part, int depth)
{
  curl_mime *mime = curl_mime_init(build->easy->handle);
  CURLcode code;
  if (mime == NULL)
    return CURLE_OUT_OF_MEMORY;
  code = curl_mime_subparts(part, mime);
  if (code != CURLE_OK) {
    curl_mime_free(mime);
    return code;
  }
  compat_getuservalue(L, -1);
  code = add_parts(L, build, mime, depth + 1);
  lua_pop(L, 1);
  return code;
}

/* The one content that the part has. */
static CURLcode add_content(lua_State *L, const Build *build,
                            curl_mimepart *part, int depth)
{
  CURLcode code = CURLE_OK;
  size_t size;
  if (lua_getfield(L, -1, "data") != LUA_TNIL) {
    const char *bytes = lua_tolstring(L, -1, &size);
    code = curl_mime_data(part, bytes, size);
  }
  else if (lua_getfield(L, -2, "file") != LUA_TNIL) {
    const char *path = lua_tostring(L, -1);
    code = curl_mime_filedata(part, path);
    if (code == CURLE_READ_ERROR)
      code = fail(build->easy, code, "cannot read the file '%s'", path);
    lua_pop(L, 1);
  }
  else if (lua_getfield(L, -3, "subparts") != LUA_TNIL) {
    code = add_subparts(L, build, part, depth);
    lua_pop(L, 2);
  }
  else {
    lua_pop(L, 3);
    if (lua_getfield(L, -1, "read") != LUA_TNIL) {
      lua_pop(L, 1);
      return add_stream(L, build, part);
    }
  }
  lua_pop(L, 1);
  return code;
}

/* The fields that are plain text. */
static CURLcode add_texts(lua_State *L, curl_mimepart *part)
{
  static const struct {
    const char *field;
    CURLcode (*set)(curl_mimepart *part, const char *text);
  } texts[] = {
    { "name", curl_mime_name },
    { "type", curl_mime_type },
    { "filename", curl_mime_filename },
    { "encoder", curl_mime_encoder },
  };
  CURLcode code = CURLE_OK;
  size_t i;
  for (i = 0; code == CURLE_OK && i < sizeof texts / sizeof *texts; i++) {
    /* false as a file name: lua_tostring gives NULL, which removes it. */
    if (lua_getfield(L, -1, texts[i].field) != LUA_TNIL)
      code = texts[i].set(part, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  return code;
}

static CURLcode add_part(lua_State *L, const Build *build, curl_mime *mime,
                         int depth)
{
  curl_mimepart *part = curl_mime_addpart(mime);
  CURLcode code;
  if (part == NULL)
    return CURLE_OUT_OF_MEMORY;
  /* The content first: a file brings a file name, and texts may replace it. */
  code = add_content(L, build, part, depth);
  if (code == CURLE_OK)
    code = add_texts(L, part);
  if (code == CURLE_OK && lua_getfield(L, -1, "headers") != LUA_TNIL) {
    code = add_headers(L, part);
    lua_pop(L, 1);
  }
  else if (code == CURLE_OK)
    lua_pop(L, 1);
  return code;
}

/* The values of a mime are on top of the stack. */
static CURLcode add_parts(lua_State *L, const Build *build, curl_mime *mime,
                          int depth)
{
  lua_Integer i, count = (lua_Integer)lua_rawlen(L, -1);
  CURLcode code = CURLE_OK;
  if (depth > MAX_DEPTH || !lua_checkstack(L, 16))
    return fail(build->easy, CURLE_BAD_FUNCTION_ARGUMENT, "%s",
                "parts are nested too deeply");
  for (i = 1; code == CURLE_OK && i <= count; i++) {
    lua_rawgeti(L, -1, i);
    mime_push_part(L, lua_gettop(L));
    code = add_part(L, build, mime, depth);
    lua_pop(L, 2);
  }
  return code;
}

/* ---- Life ---- */

static void body_free(MimeBody *body)
{
  curl_mime_free(body->mime);
  while (body->streams != NULL) {
    MimeStream *stream = body->streams;
    body->streams = stream->next;
    free(stream);
  }
  free(body);
}

void mime_free(Easy *easy)
{
  if (easy->mime != NULL)
    body_free(easy->mime);
  easy->mime = NULL;
}

/* Keeps the mime at `value` (nil: none) and the functions on top of the stack
   (popped) among the values of the easy. */
static void keep(lua_State *L, int self, int value)
{
  compat_getuservalue(L, self);
  lua_insert(L, -2);
  lua_setfield(L, -2, STREAMS);
  lua_pushvalue(L, value);
  lua_rawseti(L, -2, CURLOPT_MIMEPOST);
  lua_pop(L, 1);
}

CURLcode mime_set(lua_State *L, Easy *easy, int self, int value)
{
  Build build = { easy, NULL, 0 };
  CURLcode code;
  lua_newtable(L);
  build.streams = lua_gettop(L);
  mime_push_parts(L, value);
  build.body = calloc(1, sizeof *build.body);
  if (build.body == NULL)
    return CURLE_OUT_OF_MEMORY;
  build.body->mime = curl_mime_init(easy->handle);
  code = build.body->mime != NULL ? add_parts(L, &build, build.body->mime, 1)
                                  : CURLE_OUT_OF_MEMORY;
  lua_pop(L, 1);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy->handle, CURLOPT_MIMEPOST, build.body->mime);
  if (code != CURLE_OK) {
    body_free(build.body);
    lua_pop(L, 1);
    return code;
  }
  mime_free(easy); /* libcurl has let go of the old one */
  easy->mime = build.body;
  keep(L, self, value);
  return CURLE_OK;
}

/* Without it the request is a GET again. libcurl makes it a POST even when it
   is told that there is none, so it is only told of one there was. */
CURLcode mime_unset(lua_State *L, Easy *easy, int self)
{
  CURLcode code;
  if (easy->mime == NULL)
    return CURLE_OK;
  code = curl_easy_setopt(easy->handle, CURLOPT_MIMEPOST, NULL);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy->handle, CURLOPT_POST, 0L);
  mime_free(easy);
  lua_pushnil(L);
  lua_pushnil(L);
  keep(L, self, lua_gettop(L) - 1);
  lua_pop(L, 1);
  return code;
}
