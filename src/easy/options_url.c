/* Which URL a handle goes to: CURLOPT_CURLU. */
#include "options.h"

#include "url.h"
#include "url_text.h"

CURLcode options_set_url(Easy *easy, Url *url)
{
  CURLcode code = curl_easy_setopt(easy->handle, CURLOPT_CURLU,
                                   url != NULL ? url->handle : NULL);
  if (code != CURLE_OK)
    return code;
  if (url != NULL)
    url->users++;
  url_release(easy->url);
  easy->url = url;
  easy->target = NULL;
  return CURLE_OK;
}

/* ---- Of a place that is known ---- */

/* Whether the handle has a URL of that place which is its own. Only that may change,
   and only between transfers: libcurl reads it whenever it sends the request. */
static bool has_own(const Easy *easy, const Url *sample)
{
  return easy->url != NULL && easy->url->sample == sample &&
         easy->url->users == 1;
}

static CURLcode make_own(Easy *easy, Url *sample, const char *text, size_t size)
{
  Url *url = url_make(sample->handle);
  CURLcode code;
  if (url == NULL)
    return CURLE_OUT_OF_MEMORY;
  sample->users++;
  url->sample = sample;
  url->place = url_text_place(text, size);
  code = options_set_url(easy, url);
  url_release(url);
  return code;
}

CURLcode options_set_url_beside(Easy *easy, Url *sample, const char *text,
                                size_t size)
{
  CURLcode code = CURLE_OK;
  easy->target = NULL;
  if (!has_own(easy, sample))
    code = make_own(easy, sample, text, size);
  if (code != CURLE_OK)
    return code;
  if (easy->url->place >= size)
    return CURLE_URL_MALFORMAT;
  return url_set_path(easy->url->handle, text + easy->url->place) == CURLUE_OK
             ? CURLE_OK
             : CURLE_OUT_OF_MEMORY;
}
