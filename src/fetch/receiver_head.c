/* Status and headers of the fetch path's transfers: what a server says of itself is
   judged here before anything is made of it. See receiver.h. */
#include "receiver_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "newer.h"
#include "switched.h"
#include "tls_end.h"
#include "quirks.h"
#include "seldom.h"

#ifndef CURLH_PSEUDO
#define CURLH_PSEUDO (1 << 4)
#endif

#define NO_STATUS "the answer has no valid status line"
#define OTHER_VERSION "the answer is in a version of HTTP that was not spoken"
#define NO_UPGRADE "the answer switches protocols, which was not asked for"

/* ---- The status line ---- */

static bool is_digit(char byte)
{
  return byte >= '0' && byte <= '9';
}

static bool is_space(char byte)
{
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* What libcurl takes for one. */
static bool is_like_status(const char *line, size_t size)
{
  return size > 5 && strncasecmp(line, "HTTP/", 5) == 0;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200": 100 to 999, or 0 when it is no status line.
   The name is case-sensitive; more than one blank is let pass (RFC 9112, 2.3 and
   4). */
static int status_of(const char *line, size_t size)
{
  size_t at = 6, blanks;
  int status;
  if (size < 6 || memcmp(line, "HTTP/", 5) != 0 || !is_digit(line[5]))
    return 0;
  if (size > 7 && line[6] == '.' && is_digit(line[7]))
    at = 8;
  blanks = at;
  while (at < size && line[at] == ' ')
    at++;
  if (at == blanks || size - at < 3 || !is_digit(line[at]) ||
      !is_digit(line[at + 1]) || !is_digit(line[at + 2]) ||
      (size - at > 3 && !is_space(line[at + 3])))
    return 0;
  status =
      (line[at] - '0') * 100 + (line[at + 1] - '0') * 10 + (line[at + 2] - '0');
  return status >= 100 ? status : 0;
}

/* libcurl makes the status line of HTTP/2 of a pseudo-header, which no server
   can send in HTTP/1. */
static bool has_pseudo_status(const Easy *easy)
{
  struct curl_header *header;
  return curl_easy_header(easy->handle, ":status", 0, CURLH_PSEUDO, -1,
                          &header) == 0;
}

/* Whether HTTP/2 or 3 stands in the status line of a server that was not spoken to
   in that: see quirk_version_of_answer. */
static bool is_other_version(const Easy *easy, char major)
{
  if (major < '2')
    return false;
  if (easy->http1_only)
    return true;
  return major == '2' && curl_easy_header != NULL && !has_pseudo_status(easy);
}

/* Whether 101 is what the user has asked for; a WebSocket does by its scheme. */
static bool may_switch(const Easy *easy)
{
  const char *scheme = NULL;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return easy->receiver->upgrades || easy->cleartext_http2 ||
         (scheme != NULL && strncasecmp(scheme, "ws", 2) == 0);
}

/* Why a transfer with this status line has to end; NULL: it goes on. */
static const char *judge_status(Easy *easy, const char *line, size_t size)
{
  Receiver *receiver = easy->receiver;
  receiver->status = status_of(line, size);
  if (receiver->status == 0)
    return NO_STATUS;
  receiver->major = line[5];
  receiver->lied = is_other_version(easy, line[5]);
  if (receiver->lied)
    return OTHER_VERSION;
  if (receiver->status == 101 && !may_switch(easy))
    return NO_UPGRADE;
  if (receiver->status == 101 && !easy->cleartext_http2)
    switched_begin(easy);
  return NULL;
}

/* ---- Blocks ---- */

static bool is_blank(const char *line, size_t size)
{
  return size == 0 || (size <= 2 && (line[0] == '\r' || line[0] == '\n'));
}

/* Whether another block is sure to follow. libcurl itself asks for HTTP/2 without
   TLS by an upgrade. */
static bool is_interim(const Easy *easy)
{
  int status = easy->receiver->status;
  return status >= 100 && status < 200 &&
         (status != 101 || easy->cleartext_http2);
}

/* An authentication round is libcurl's own affair: its answer is another
   header block. */
static bool status_may_be_followed(const Receiver *receiver)
{
  return receiver->auth_rounds &&
         (receiver->status == 401 || receiver->status == 407);
}

/* Returns why the transfer has to end, or NULL. */
static const char *head_complete(Easy *easy)
{
  Receiver *receiver = easy->receiver;
  const char *invalid;
  if (is_interim(easy)) {
    buffer_clear(&receiver->head);
    receiver->stage = STAGE_START;
    return NULL;
  }
  invalid = framing_fault(&receiver->framing, receiver->status);
  if (invalid == NULL && receiver->codings && receiver->status > 0)
    invalid = coded_begin(receiver);
  if (invalid != NULL)
    return invalid;
  receiver->stage = STAGE_BODY;
  tls_end_watch(easy);
  if (!status_may_be_followed(receiver))
    receiver_tell(easy);
  return NULL;
}

/* Behind a block comes the next one of an authentication round, or a trailer. */
static bool begins_block(const Receiver *receiver, const char *line,
                         size_t size)
{
  return receiver->stage == STAGE_START
             ? is_like_status(line, size)
             : receiver->stage >= STAGE_BODY && status_of(line, size) != 0;
}

/* Servers that are let pass by http200aliases have a status, too; other
   protocols than HTTP have none. */
static int status_without_line(const Easy *easy)
{
  const char *scheme = NULL;
  long status = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  if (scheme == NULL || strncasecmp(scheme, "http", 4) != 0)
    return 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_RESPONSE_CODE, &status);
  return status >= 100 && status <= 999 ? (int)status : 0;
}

/* libcurl copies a header again for each line that continues it: a block full of
   short ones would stop the loop. */
#define MOST_FOLDS 1000

/* All blocks together are bounded: a server may send interim ones for ever. */
static size_t append(Easy *easy, Buffer *block, const char *line, size_t size)
{
  Receiver *receiver = easy->receiver;
  receiver->head_bytes += size;
  if (line[0] == ' ' || line[0] == '\t')
    receiver->folds++;
  if (receiver->head_bytes > receiver->max_headers ||
      receiver->folds > MOST_FOLDS) {
    receiver->excess = "headers";
    return size + 1;
  }
  if (!buffer_append(block, line, size))
    return size + 1;
  if (receiver->stage != STAGE_HEADERS)
    return size;
  framing_take(&receiver->framing, line, size);
  if (is_blank(line, size)) {
    const char *invalid = head_complete(easy);
    if (invalid != NULL)
      return receiver_refuse(easy, invalid, size);
  }
  else if (coded_concerns(line, size))
    receiver->codings = true;
  return size;
}

size_t receiver_on_header(char *line, size_t one, size_t size, void *data)
{
  Easy *easy = data;
  Receiver *receiver = easy->receiver;
  const char *invalid;
  (void)one; /* always 1 */
  receiver->heard = true;
  if (begins_block(receiver, line, size)) {
    /* An HTTP/2 server that demands HTTP/1.1 half-way is asked again by
       libcurl, which would append that answer to the part of the first. */
    if (receiver->received > 0) {
      receiver->restarted = true;
      return size + 1;
    }
    buffer_clear(&receiver->head);
    coded_end(receiver);
    receiver->codings = false;
    memset(&receiver->framing, 0, sizeof receiver->framing);
    receiver->stage = STAGE_STATUS;
    invalid = judge_status(easy, line, size);
    if (invalid != NULL)
      return receiver_refuse(easy, invalid, size);
    /* Interim answers may come for ever: first_byte waits for the other one. */
    if (!is_interim(easy))
      receiver_touch(easy);
  }
  else if (receiver->stage >= STAGE_BODY) {
    Seldom *own = seldom_own(receiver);
    receiver->stage = STAGE_TRAILERS;
    return own == NULL ? size + 1 : append(easy, &own->trailers, line, size);
  }
  else if (receiver->stage == STAGE_STATUS &&
           (line[0] == ' ' || line[0] == '\t'))
    return receiver_refuse(easy, HEAD_GUARD_REASON, size);
  else {
    if (receiver->stage == STAGE_START)
      receiver->status = status_without_line(easy);
    receiver->stage = STAGE_HEADERS;
  }
  return append(easy, &receiver->head, line, size);
}

/* ---- What has become of it ---- */

bool receiver_answered(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  if (receiver->stage < STAGE_BODY)
    return false;
  return !status_may_be_followed(receiver) || easy->finished ||
         receiver->received > 0;
}

static bool is_http2(const Easy *easy)
{
  long version = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  return version == CURL_HTTP_VERSION_2_0;
}

/* By its own words: libcurl tells only when the transfer ends. */
static bool is_complete(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  curl_off_t length = -1, arrived = 0;
  if (receiver->stage < STAGE_BODY || status_may_be_followed(receiver) ||
      !is_http2(easy))
    return false;
  if (receiver->status == 204 || receiver->status == 304)
    return true;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                          &length);
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SIZE_DOWNLOAD_T, &arrived);
  return length >= 0 && arrived >= length;
}

bool receiver_is_whole(const Easy *easy)
{
  return easy->receiver->uploads && quirk_h2_hangs_after_answer() &&
         is_complete(easy);
}

/* The server may have ended the stream while the body was sent: what is complete
   needs no more. Of a broken connection libcurl has a message. */
static CURLcode answered_early(Easy *easy, CURLcode result)
{
  if (!quirk_h2_fails_after_answer())
    return result;
  if (is_complete(easy))
    return CURLE_OK;
  if (easy->message[0] != '\0' ||
      (result == CURLE_SEND_ERROR && !is_http2(easy)))
    return result;
  if (!easy->receiver->heard && !quirk_h2_stalls_after_answer())
    return result; /* there was none */
  snprintf(easy->message, CURL_ERROR_SIZE,
           "the server answered before it had read the body, and libcurl %s "
           "cannot tell the answer; use http_version = \"1.1\"",
           curl_version_info(CURLVERSION_NOW)->version);
  return result;
}

/* Of HTTP libcurl refuses to send nothing else. */
static bool is_without_length(const Easy *easy)
{
  const char *scheme = NULL;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return scheme != NULL && strncasecmp(scheme, "http", 4) == 0;
}

CURLcode receiver_result(Easy *easy, CURLcode result)
{
  Receiver *receiver = easy->receiver;
  if (result == CURLE_UPLOAD_FAILED && is_without_length(easy))
    receiver->invalid = "the server speaks HTTP/1.0, which has no chunks: the "
                        "length of the body must be known, from a string or "
                        "the header Content-Length";
  if (result == CURLE_ABORTED_BY_CALLBACK && receiver_is_unexpected(receiver))
    return CURLE_OK;
  if (result == CURLE_OPERATION_TIMEDOUT && receiver->reconnects)
    /* What libcurl has said is how the kept one went. */
    snprintf(easy->message, CURL_ERROR_SIZE,
             "the kept connection had gone, and no other stood in time");
  if (receiver->uploads &&
      (result == CURLE_HTTP2_STREAM || result == CURLE_SEND_ERROR))
    return answered_early(easy, result);
  if (result == CURLE_OK && tls_end_is_missing(easy)) {
    snprintf(easy->message, CURL_ERROR_SIZE,
             "the connection was cut: TLS has not told the end of the body");
    return CURLE_PARTIAL_FILE;
  }
  if (result != CURLE_OK || receiver->stage >= STAGE_BODY ||
      receiver->status == 0)
    return result;
  snprintf(easy->message, CURL_ERROR_SIZE,
           "the connection ended within the headers of the answer");
  return CURLE_PARTIAL_FILE;
}
