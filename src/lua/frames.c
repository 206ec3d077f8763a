/* core.websocket_frames: the two directions of one WebSocket, as bytes: what comes is made
   into messages, what is sent into frames. Used by lua/multisock/websocket/. */
#include "frames.h"

#include <string.h>
#include <uv.h>

#include "buffer.h"
#include "owner.h"
#include "sha1.h"
#include "ws_frame.h"

static const char frames_type[] = "multisock.frames";

/* What masks are made of is asked of the system for so many frames at once. */
#define MASKS 16

typedef struct Frames {
  Owner owner;
  Buffer input;   /* what no frame was made of yet */
  Buffer message; /* what has come of a message */
  size_t max_size;
  WsHeader header; /* of the frame that comes now */
  uint64_t left;   /* bytes of it that are still to come */
  bool in_frame;
  int kind; /* the opcode of the message that comes now; 0: none does */
  Utf8 incoming, outgoing;
  int sending; /* of the one whose pieces are being sent */
  unsigned char masks[4 * MASKS];
  int masks_left;
} Frames;

static Frames *frames_check(lua_State *L)
{
  Frames *frames = compat_checkudata(L, 1, frames_type);
  owner_check(L, 1, &frames->owner);
  return frames;
}

/* ---- What comes ---- */

/*** Takes bytes that have come.
@param bytes string
@return self
@local */
static int frames_feed(lua_State *L)
{
  Frames *frames = frames_check(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  if (!buffer_append(&frames->input, bytes, size))
    return luaL_error(L, "not enough memory");
  lua_settop(L, 1);
  return 1;
}

static int refuse(lua_State *L, int code, const char *message)
{
  lua_pushboolean(L, 0);
  lua_pushinteger(L, code);
  lua_pushstring(L, message);
  return 3;
}

#define PROTOCOL_ERROR 1002
#define NOT_TEXT 1007
#define TOO_BIG 1009

/* The frame that begins, after its header was read. Returns why not, or NULL. */
static const char *begin_frame(Frames *frames)
{
  int opcode = frames->header.opcode;
  frames->left = frames->header.size;
  frames->in_frame = true;
  if (opcode >= WS_CLOSE)
    return NULL;
  if (opcode == WS_CONTINUATION)
    return frames->kind == 0 ? "a message continues that has not begun" : NULL;
  if (frames->kind != 0)
    return "a message begins before another one has ended";
  frames->kind = opcode;
  memset(&frames->incoming, 0, sizeof frames->incoming);
  return NULL;
}

static bool is_too_big(const Frames *frames)
{
  return frames->header.opcode < WS_CLOSE &&
         frames->left > frames->max_size - buffer_size(&frames->message);
}

/* "close", code or nil, reason; what is against the rules is refused. */
static int push_close(lua_State *L, const char *bytes, size_t size)
{
  const unsigned char *code = (const unsigned char *)bytes;
  Utf8 text = { 0, 0, 0 };
  unsigned number;
  lua_pushliteral(L, "close");
  if (size == 0)
    return 1;
  if (size == 1)
    return refuse(L, PROTOCOL_ERROR, "a close frame has half a code");
  number = (unsigned)code[0] << 8 | code[1];
  if (!ws_code_is_valid(number))
    return refuse(L, PROTOCOL_ERROR,
                  "a close frame has a code that may not be sent");
  if (!utf8_take(&text, bytes + 2, size - 2) || !utf8_is_whole(&text))
    return refuse(L, NOT_TEXT, "the reason of a close frame is not UTF-8");
  lua_pushinteger(L, number);
  lua_pushlstring(L, bytes + 2, size - 2);
  return 3;
}

static int push_control(lua_State *L, Frames *frames)
{
  size_t size = (size_t)frames->left;
  const char *bytes = size > 0 ? buffer_head(&frames->input) : "";
  int results = 2;
  frames->in_frame = false;
  if (frames->header.opcode == WS_CLOSE)
    results = push_close(L, bytes, size);
  else {
    lua_pushstring(L, frames->header.opcode == WS_PING ? "ping" : "pong");
    lua_pushlstring(L, bytes, size);
  }
  buffer_drop(&frames->input, size);
  return results;
}

/* Takes what is there of a data frame. False when that is no text. */
static bool take_data(lua_State *L, Frames *frames)
{
  size_t size = buffer_size(&frames->input);
  const char *bytes;
  if (size > frames->left)
    size = (size_t)frames->left;
  if (size == 0)
    return true;
  bytes = buffer_head(&frames->input);
  if (frames->kind == WS_TEXT && !utf8_take(&frames->incoming, bytes, size))
    return false;
  if (!buffer_append(&frames->message, bytes, size))
    luaL_error(L, "not enough memory");
  buffer_drop(&frames->input, size);
  frames->left -= size;
  return true;
}

static int push_message(lua_State *L, Frames *frames)
{
  size_t size = buffer_size(&frames->message);
  lua_pushstring(L, frames->kind == WS_TEXT ? "text" : "binary");
  lua_pushlstring(L, size > 0 ? buffer_head(&frames->message) : "", size);
  buffer_drop(&frames->message, size);
  frames->kind = 0;
  return 2;
}

/* The usual case: all of a message stands in the input. */
static int push_whole(lua_State *L, Frames *frames)
{
  size_t size = (size_t)frames->left;
  const char *bytes = size > 0 ? buffer_head(&frames->input) : "";
  if (frames->kind == WS_TEXT && (!utf8_take(&frames->incoming, bytes, size) ||
                                  !utf8_is_whole(&frames->incoming)))
    return refuse(L, NOT_TEXT, "a text is not UTF-8");
  lua_pushstring(L, frames->kind == WS_TEXT ? "text" : "binary");
  lua_pushlstring(L, bytes, size);
  buffer_drop(&frames->input, size);
  frames->in_frame = false;
  frames->kind = 0;
  return 2;
}

/* False when more bytes are needed, or there is a `fault`. */
static bool read_header(Frames *frames, const char **fault)
{
  size_t size = buffer_size(&frames->input);
  int taken =
      size == 0
          ? 0
          : ws_header_read((const unsigned char *)buffer_head(&frames->input),
                           size, &frames->header, fault);
  if (taken <= 0)
    return false;
  buffer_drop(&frames->input, (size_t)taken);
  *fault = begin_frame(frames);
  return *fault == NULL;
}

/*** What the bytes say.
@return "text" or "binary", and a message; "ping" or "pong", and a payload;
"close", and perhaps a code and a reason; nil when that takes more bytes; or
false, the code to close with, and why: nothing more can be understood then
@local */
static int frames_next(lua_State *L)
{
  Frames *frames = frames_check(L);
  for (;;) {
    const char *fault = NULL;
    if (!frames->in_frame && !read_header(frames, &fault)) {
      if (fault != NULL)
        return refuse(L, PROTOCOL_ERROR, fault);
      lua_pushnil(L);
      return 1;
    }
    if (is_too_big(frames))
      return refuse(L, TOO_BIG, "a message is larger than max_size");
    if (frames->header.opcode >= WS_CLOSE) {
      if (buffer_size(&frames->input) >= frames->left)
        return push_control(L, frames);
      lua_pushnil(L);
      return 1;
    }
    if (frames->header.fin && buffer_size(&frames->message) == 0 &&
        frames->header.opcode != WS_CONTINUATION &&
        buffer_size(&frames->input) >= frames->left &&
        frames->left == frames->header.size)
      return push_whole(L, frames);
    if (!take_data(L, frames))
      return refuse(L, NOT_TEXT, "a text is not UTF-8");
    if (frames->left > 0) {
      lua_pushnil(L);
      return 1;
    }
    frames->in_frame = false;
    if (frames->header.fin) {
      if (!utf8_is_whole(&frames->incoming))
        return refuse(L, NOT_TEXT, "a text is not UTF-8");
      return push_message(L, frames);
    }
  }
}

/* ---- What is sent ---- */

/* Nobody can foresee them (RFC 6455, 10.3). */
static const unsigned char *next_mask(lua_State *L, Frames *frames)
{
  if (frames->masks_left == 0) {
    if (uv_random(NULL, NULL, frames->masks, sizeof frames->masks, 0, NULL) !=
        0)
      luaL_error(L, "the system has no random bytes");
    frames->masks_left = MASKS;
  }
  return frames->masks + (size_t)4 * (size_t)--frames->masks_left;
}

static void push_frame(lua_State *L, const WsHeader *header, const char *bytes,
                       const unsigned char *mask)
{
  size_t size = (size_t)header->size, head;
  luaL_Buffer buffer;
  char *to = luaL_buffinitsize(L, &buffer, size + WS_HEADER_MOST);
  head = ws_header_write((unsigned char *)to, header, mask);
  ws_mask(to + head, bytes, size, mask);
  luaL_pushresultsize(&buffer, head + size);
}

/* Whether a piece of a message may be sent as text. */
static bool is_text(Frames *frames, const char *bytes, size_t size, bool more)
{
  if (frames->sending == 0)
    memset(&frames->outgoing, 0, sizeof frames->outgoing);
  return utf8_take(&frames->outgoing, bytes, size) &&
         (more || utf8_is_whole(&frames->outgoing));
}

/*** Makes a frame.
@param kind "text", "binary", "close", "ping" or "pong"
@param bytes string
@param more boolean: of a message, whether another piece of it follows
@return string; nil when a text is not UTF-8
@local */
static int frames_encode(lua_State *L)
{
  static const char *const kinds[] = { "text", "binary", "close",
                                       "ping", "pong",   NULL };
  static const int opcodes[] = { WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING,
                                 WS_PONG };
  Frames *frames = frames_check(L);
  int opcode = opcodes[luaL_checkoption(L, 2, NULL, kinds)];
  size_t size;
  const char *bytes = luaL_checklstring(L, 3, &size);
  bool more = lua_toboolean(L, 4);
  WsHeader header = { opcode, true, size };
  if (opcode >= WS_CLOSE)
    luaL_argcheck(L, size <= WS_CONTROL_MOST, 3, "too long");
  else {
    if (opcode == WS_TEXT && !is_text(frames, bytes, size, more)) {
      lua_pushnil(L);
      return 1;
    }
    if (frames->sending != 0)
      header.opcode = WS_CONTINUATION;
    frames->sending = more ? opcode : 0;
    header.fin = !more;
  }
  push_frame(L, &header, bytes, next_mask(L, frames));
  return 1;
}

/*** Whether it is.
@param text string
@return boolean
@local */
int frames_is_utf8(lua_State *L)
{
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  Utf8 text = { 0, 0, 0 };
  lua_pushboolean(L, utf8_take(&text, bytes, size) && utf8_is_whole(&text));
  return 1;
}

/* ---- The handshake ---- */

/*** What a server has to answer to a key (RFC 6455, 4.2.2), but for Base64.
@param key string: Sec-WebSocket-Key
@return string; nil, message where libcurl's TLS library is neither OpenSSL nor
GnuTLS
@local */
int frames_accept(lua_State *L)
{
  static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char sum[SHA1_SIZE];
  size_t size;
  const char *text;
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_pushlstring(L, magic, sizeof magic - 1);
  lua_concat(L, 2);
  text = lua_tolstring(L, 1, &size);
  if (!sha1(text, size, sum)) {
    lua_pushnil(L);
    lua_pushliteral(L, "no SHA-1: libcurl is linked to neither OpenSSL nor "
                       "GnuTLS");
    return 2;
  }
  lua_pushlstring(L, (const char *)sum, sizeof sum);
  return 1;
}

/* ---- Life ---- */

static int frames_gc(lua_State *L)
{
  Frames *frames = compat_checkudata(L, 1, frames_type);
  if (!owner_is_here(&frames->owner))
    return 0;
  buffer_free(&frames->input);
  buffer_free(&frames->message);
  return 0;
}

/*** Makes what one WebSocket needs.
@param max_size bytes of a message at most
@return core.Frames
@local */
int frames_new(lua_State *L)
{
  lua_Number most = luaL_checknumber(L, 1);
  Frames *frames = compat_newuserdata(L, sizeof *frames);
  memset(frames, 0, sizeof *frames);
  owner_init(&frames->owner);
  frames->max_size =
      most < (lua_Number)(SIZE_MAX / 2) ? (size_t)most : SIZE_MAX / 2;
  luaL_setmetatable(L, frames_type);
  return 1;
}

static const luaL_Reg methods[] = {
  { "feed", frames_feed },
  { "next", frames_next },
  { "encode", frames_encode },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", frames_gc },
  { NULL, NULL },
};

void frames_open(lua_State *L)
{
  compat_opentype(L, frames_type, metamethods, methods);
}
