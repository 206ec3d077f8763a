/* Frames of WebSocket as bytes (RFC 6455, 5): their headers, the mask, which text
   and which codes are let pass. Used by lua/frames.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  WS_CONTINUATION = 0,
  WS_TEXT = 1,
  WS_BINARY = 2,
  WS_CLOSE = 8,
  WS_PING = 9,
  WS_PONG = 10
};

/* Of a control frame, at most. */
#define WS_CONTROL_MOST 125

#define WS_HEADER_MOST 14

typedef struct WsHeader {
  int opcode;
  bool fin; /* the last one of its message */
  uint64_t size;
} WsHeader;

/* The header of a frame that a server sends. Returns its bytes; 0 when that takes
   more of them; -1 when it is against the rules, and then `fault` says how. */
int ws_header_read(const unsigned char *bytes, size_t size, WsHeader *header,
                   const char **fault);

/* The header of a frame that a client sends. Returns its bytes. */
size_t ws_header_write(unsigned char to[WS_HEADER_MOST], const WsHeader *header,
                       const unsigned char mask[4]);

void ws_mask(char *to, const char *from, size_t size,
             const unsigned char mask[4]);

/* Whether a close frame may have this code (RFC 6455, 7.4). */
bool ws_code_is_valid(unsigned code);

/* Where text that comes in pieces stands; all zero at first. */
typedef struct Utf8 {
  unsigned char left;         /* bytes that the character lacks */
  unsigned char lowest, most; /* what the next one may be */
} Utf8;

/* False when the text cannot become valid any more. */
bool utf8_take(Utf8 *text, const char *bytes, size_t size);

static inline bool utf8_is_whole(const Utf8 *text)
{
  return text->left == 0;
}
