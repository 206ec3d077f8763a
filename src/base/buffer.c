/* Growable bytes: append at the end, take from the front. */
#include "buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The first block is at least this large: header lines come one by one. */
#define BUFFER_LEAST 512

/* Larger ones are given back when they are empty. */
#define BUFFER_KEPT 4096

bool buffer_reserve(Buffer *buffer, size_t size)
{
  size_t used = buffer_size(buffer);
  size_t capacity;
  char *bytes;
  if (buffer->capacity - buffer->end >= size)
    return true;
  if (size > SIZE_MAX / 4 - used)
    return false;
  if (buffer->start > 0 && buffer->capacity - used >= size) {
    memmove(buffer->bytes, buffer_head(buffer), used);
    buffer->start = 0;
    buffer->end = used;
    /* Moving is only cheap when it frees much: otherwise also grow. */
    if (buffer->capacity >= 2 * used)
      return true;
  }
  capacity = buffer->capacity * 2 > buffer->end + size ? buffer->capacity * 2
                                                       : buffer->end + size;
  if (capacity < BUFFER_LEAST)
    capacity = BUFFER_LEAST;
  bytes = realloc(buffer->bytes, capacity);
  if (bytes == NULL)
    return false;
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return true;
}

bool buffer_append_more(Buffer *buffer, const char *bytes, size_t size)
{
  if (size == 0)
    return true;
  if (!buffer_reserve(buffer, size))
    return false;
  memcpy(buffer->bytes + buffer->end, bytes, size);
  buffer->end += size;
  return true;
}

void buffer_drop(Buffer *buffer, size_t size)
{
  buffer->start += size;
  if (buffer->start < buffer->end)
    return;
  /* What is filled again and again keeps its block: growing anew would copy
     all of it once more. */
  if (buffer->end < buffer->capacity / 8)
    buffer_clear(buffer);
  buffer->start = buffer->end = 0;
}

void buffer_clear(Buffer *buffer)
{
  buffer->start = buffer->end = 0;
  if (buffer->capacity > BUFFER_KEPT)
    buffer_free(buffer);
}

void buffer_free(Buffer *buffer)
{
  free(buffer->bytes);
  memset(buffer, 0, sizeof *buffer);
}
