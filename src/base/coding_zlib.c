/* gzip and deflate, by zlib. Used by decoder.c. */
#include "coding.h"

#if defined(__has_include)
#if !__has_include(<zlib.h>)
#error "zlib.h not found: install zlib1g-dev (Debian), zlib-devel (Fedora), \
or name its folder with ZLIB_DIR="
#endif
#endif

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

/* Bits of the window, and which wrapping inflate expects around the data; with
   that of gzip it checks length and CRC. */
#define WINDOW 15
#define GZIP (16 + WINDOW)
#define ZLIB WINDOW
#define RAW (-WINDOW)

typedef struct Zlib {
  z_stream stream;
  bool undecided; /* deflate: the first byte tells, see below */
} Zlib;

static Zlib *zlib_open(int wrapping)
{
  Zlib *zlib = calloc(1, sizeof *zlib);
  if (zlib != NULL && inflateInit2(&zlib->stream, wrapping) != Z_OK) {
    free(zlib);
    zlib = NULL;
  }
  return zlib;
}

static void *gzip_open(void)
{
  return zlib_open(GZIP);
}

/* "deflate" should be zlib's format, but some servers send the bare data. No
   encoder begins that as zlib's header begins: it would be a stored block whose
   padding is not zero. */
static void *deflate_open(void)
{
  Zlib *zlib = zlib_open(ZLIB);
  if (zlib != NULL)
    zlib->undecided = true;
  return zlib;
}

static bool is_zlib(char first)
{
  return (first & 0x8f) == Z_DEFLATED;
}

static uInt clamp(size_t size)
{
  return size < UINT_MAX ? (uInt)size : UINT_MAX;
}

static CodingResult zlib_run(void *state, CodingPiece *piece)
{
  Zlib *zlib = state;
  z_stream *stream = &zlib->stream;
  uInt in_size = clamp(piece->in_size), room = clamp(piece->room);
  int result;
  if (zlib->undecided && in_size > 0) {
    zlib->undecided = false;
    if (!is_zlib(*piece->in) && inflateReset2(stream, RAW) != Z_OK)
      return CODING_NO_MEMORY;
  }
  stream->next_in = (Bytef *)(size_t)piece->in; /* not written to */
  stream->avail_in = in_size;
  stream->next_out = (Bytef *)piece->out;
  stream->avail_out = room;
  result = inflate(stream, Z_NO_FLUSH);
  piece->in += in_size - stream->avail_in;
  piece->in_size -= in_size - stream->avail_in;
  piece->out += room - stream->avail_out;
  piece->room -= room - stream->avail_out;
  switch (result) {
  case Z_OK:
  case Z_BUF_ERROR: return CODING_GOES_ON; /* no input, or no room, left */
  case Z_STREAM_END: return CODING_ENDED;
  case Z_MEM_ERROR: return CODING_NO_MEMORY;
  default: break;
  }
  piece->message =
      result == Z_NEED_DICT ? "a dictionary is needed" : stream->msg;
  return CODING_CORRUPT;
}

/* A file of gzip is one member or more. */
static bool gzip_again(void *state)
{
  return inflateReset(&((Zlib *)state)->stream) == Z_OK;
}

static void zlib_close(void *state)
{
  (void)inflateEnd(&((Zlib *)state)->stream); /* only an invalid one fails */
  free(state);
}

const Coding coding_gzip = { "gzip",   "x-gzip",   NULL,      gzip_open,
                             zlib_run, gzip_again, zlib_close };
const Coding coding_deflate = { "deflate", NULL, NULL,      deflate_open,
                                zlib_run,  NULL, zlib_close };
