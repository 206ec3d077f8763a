/* See ws_frame.h. */
#include "ws_frame.h"

#include <string.h>

/* ---- Headers ---- */

/* A number in network order. */
static uint64_t number(const unsigned char *bytes, int count)
{
  uint64_t value = 0;
  int i;
  for (i = 0; i < count; i++)
    value = value << 8 | bytes[i];
  return value;
}

static const char *fault_of(const unsigned char *bytes)
{
  int opcode = bytes[0] & 0x0f;
  if (bytes[0] & 0x70)
    return "a frame has a reserved bit set";
  if (opcode > WS_PONG || (opcode > WS_BINARY && opcode < WS_CLOSE))
    return "a frame has an unknown opcode";
  if (bytes[1] & 0x80)
    return "a frame of the server is masked";
  if (opcode >= WS_CLOSE && !(bytes[0] & 0x80))
    return "a control frame is fragmented";
  if (opcode >= WS_CLOSE && (bytes[1] & 0x7f) > WS_CONTROL_MOST)
    return "a control frame is longer than 125 bytes";
  return NULL;
}

int ws_header_read(const unsigned char *bytes, size_t size, WsHeader *header,
                   const char **fault)
{
  int more;
  if (size < 2)
    return 0;
  *fault = fault_of(bytes);
  if (*fault != NULL)
    return -1;
  header->opcode = bytes[0] & 0x0f;
  header->fin = bytes[0] & 0x80;
  header->size = bytes[1] & 0x7f;
  if (header->size < 126)
    return 2;
  more = header->size == 126 ? 2 : 8;
  if (size < (size_t)(2 + more))
    return 0;
  header->size = number(bytes + 2, more);
  if (header->size < (more == 2 ? 126U : 65536U) || header->size >> 63 != 0) {
    *fault = "the length of a frame is not written as it has to be";
    return -1;
  }
  return 2 + more;
}

size_t ws_header_write(unsigned char to[WS_HEADER_MOST], const WsHeader *header,
                       const unsigned char mask[4])
{
  int more = header->size < 126 ? 0 : header->size < 65536 ? 2 : 8, i;
  to[0] = (unsigned char)((header->fin ? 0x80 : 0) | header->opcode);
  to[1] = (unsigned char)(0x80 | (more == 0   ? (int)header->size
                                  : more == 2 ? 126
                                              : 127));
  for (i = 0; i < more; i++)
    to[2 + i] = (unsigned char)(header->size >> 8 * (more - 1 - i));
  memcpy(to + 2 + more, mask, 4);
  return (size_t)(6 + more);
}

/* A word at a time; the compiler makes it wider. */
void ws_mask(char *to, const char *from, size_t size,
             const unsigned char mask[4])
{
  uint64_t pattern, word;
  size_t at = 0;
  memcpy(&pattern, mask, 4);
  memcpy((char *)&pattern + 4, mask, 4);
  for (; size - at >= sizeof word; at += sizeof word) {
    memcpy(&word, from + at, sizeof word);
    word ^= pattern;
    memcpy(to + at, &word, sizeof word);
  }
  for (; at < size; at++)
    to[at] = (char)(from[at] ^ mask[at & 3]);
}

/* 1004 to 1006 and 1015 are never sent, 1016 to 2999 are not given away yet. */
bool ws_code_is_valid(unsigned code)
{
  return (code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) ||
         (code >= 3000 && code <= 4999);
}

/* ---- UTF-8 (RFC 3629) ---- */

#define EIGHT_HIGH_BITS 0x8080808080808080U

static bool begin(Utf8 *text, unsigned char byte)
{
  text->lowest = 0x80;
  text->most = 0xbf;
  if (byte < 0xc2 || byte > 0xf4)
    return false;
  text->left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  switch (byte) {
  case 0xe0: text->lowest = 0xa0; break; /* nothing longer than needed */
  case 0xed: text->most = 0x9f; break;   /* no halves of pairs */
  case 0xf0: text->lowest = 0x90; break;
  case 0xf4: text->most = 0x8f; break; /* nothing above U+10FFFF */
  default: break;
  }
  return true;
}

/* Past ASCII, eight bytes at a time. */
static size_t skip_ascii(const char *bytes, size_t size, size_t at)
{
  uint64_t word;
  for (; size - at >= sizeof word; at += sizeof word) {
    memcpy(&word, bytes + at, sizeof word);
    if (word & EIGHT_HIGH_BITS)
      break;
  }
  return at;
}

bool utf8_take(Utf8 *text, const char *bytes, size_t size)
{
  size_t at = 0;
  while (at < size) {
    unsigned char byte;
    if (text->left == 0)
      at = skip_ascii(bytes, size, at);
    if (at == size)
      break;
    byte = (unsigned char)bytes[at++];
    if (text->left > 0) {
      if (byte < text->lowest || byte > text->most)
        return false;
      text->left--;
      text->lowest = 0x80;
      text->most = 0xbf;
    }
    else if (byte >= 0x80 && !begin(text, byte))
      return false;
  }
  return true;
}
