/* The kinds of requests: what a program asks for beside a URL, and looks at in
 * the answer. The same bytes as multisock and the other clients in Lua send.
 * See common.h. */
#include "common.h"

#include <string.h>

static const char *const one_header[] = { "X-Request-Id: abc", NULL };
static const char *const typed[] = { "Content-Type: application/octet-stream",
                                     NULL };
static const char *const api[] = { "Authorization: Bearer abc",
                                   "X-Request-Id: abc",
                                   "Content-Type: application/json", NULL };
static const char *const jar[] = { "Authorization: Bearer abc",
                                   "X-Request-Id: abc",
                                   "Content-Type: application/json",
                                   "Cookie: sid=0123456789abcdef", NULL };

#define API_BODY \
  "{\"active\":true,\"price\":9.5,\"name\":\"Ada\",\"tags\":[\"a\",\"b\"]}"

/* A limit of the client and one of the request are the same to libcurl, and so
 * are those of the first byte and of all: it knows no other. */
static const struct kind kinds[] = {
  { .name = "plain" },
  { .name = "client-timeout", .timeout_ms = 120000 },
  { .name = "first-byte", .timeout_ms = 120000 },
  { .name = "distinct", .distinct = true },
  { .name = "timeout", .timeout_ms = 30000 },
  { .name = "header", .headers = one_header },
  { .name = "query", .suffix = "?page=2" },
  { .name = "post", .headers = typed, .body = "hello" },
  { .name = "api", .headers = api, .timeout_ms = 30000, .body = API_BODY },
  /* Not asked of libcurl's engine: what it costs to send the same. */
  { .name = "api-jar", .headers = jar, .timeout_ms = 30000, .body = API_BODY },
  { .name = "api-all", .headers = jar, .timeout_ms = 30000, .body = API_BODY },
  { .name = "late" },
  { .name = "answer-5" },
  { .name = "look-5", .look = "content-type" },
  { .name = "answer-30" },
  { .name = "look-30", .look = "content-type" },
  { .name = "status-text", .status_text = true }
};

const struct kind *kind_find(const char *name)
{
  for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
    if (!strcmp(kinds[i].name, name))
      return &kinds[i];
  return NULL;
}

struct curl_slist *kind_headers(const struct kind *kind,
                                struct curl_slist *list)
{
  for (const char *const *line = kind->headers; line && *line; line++) {
    list = curl_slist_append(list, *line);
    require(list != NULL, "curl_slist_append");
  }
  return list;
}

/* Keeps what stands behind the status: libcurl does not. */
static size_t on_header(char *data, size_t size, size_t count, void *userp)
{
  struct slot *slot = userp;
  size_t length = size * count;

  if (length > 13 && !memcmp(data, "HTTP/", 5)) {
    const char *space = memchr(data, ' ', length);
    size_t before = space ? (size_t)(space - data) + 5 : length;

    if (before + 2 < length &&
        length - before - 2 < sizeof(slot->status_text)) {
      memcpy(slot->status_text, data + before, length - before - 2);
      slot->status_text[length - before - 2] = '\0';
    }
  }
  return length;
}

void kind_prepare(struct slot *slot, const struct kind *kind)
{
  CURL *easy = slot->easy;

  if (kind->timeout_ms)
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, kind->timeout_ms);
  if (kind->body)
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, kind->body);
  if (kind->status_text) {
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
  }
}

const char *kind_look(struct slot *slot, const struct kind *kind)
{
  struct curl_header *header;

  if (kind->status_text && strcmp(slot->status_text, "OK") != 0)
    return "the status has another text";
  if (!kind->look)
    return NULL;
  if (curl_easy_header(slot->easy, kind->look, 0, CURLH_HEADER, -1, &header) !=
      CURLHE_OK)
    return "the header is not there";
  return *header->value ? NULL : "the header is empty";
}

long kind_number(void)
{
  static long number;

  return ++number;
}
