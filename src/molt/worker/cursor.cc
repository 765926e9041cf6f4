#include "molt/worker/cursor.h"

#include <array>
#include <charconv>
#include <cstring>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "molt/query/hash.h"
#include "molt/types/iso_text.h"

namespace molt::worker {

namespace {

constexpr std::string_view kVersion = "1";
constexpr std::size_t kMacBytes = 12;

// Of cursors that nobody has to trust: it only tells what was changed by accident, at a hundredth
// of the time that a MAC takes.
std::string Checksum(std::string_view text) {
  query::Hash128 hash;
  hash.Add(text);
  std::string bytes(sizeof(hash.lo) + sizeof(hash.hi), '\0');
  std::memcpy(bytes.data(), &hash.lo, sizeof(hash.lo));
  std::memcpy(bytes.data() + sizeof(hash.lo), &hash.hi, sizeof(hash.hi));
  bytes.resize(kMacBytes);
  return bytes;
}

std::string Mac(std::string_view text, std::string_view key) {
  if (key.empty()) return Checksum(text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), kMacBytes};
}

}  // namespace

std::string MakeCursor(std::int64_t last_id, std::string_view key) {
  const std::string text = std::string(kVersion) + ":" + std::to_string(last_id);
  return types::EncodeBase64(Mac(text, key) + text);
}

Result<std::int64_t> ReadCursor(std::string_view cursor, std::string_view key) {
  const auto wrong = [] {
    return InvalidQuery(
        "\"cursor\" is not one that this worker has made: take \"next_cursor\" of "
        "the page before as it is");
  };
  const auto bytes = types::DecodeBase64(cursor);
  if (!bytes || bytes->size() <= kMacBytes) return wrong();
  const std::string_view text = std::string_view(*bytes).substr(kMacBytes);
  if (CRYPTO_memcmp(Mac(text, key).data(), bytes->data(), kMacBytes) != 0) return wrong();
  const std::string prefix = std::string(kVersion) + ":";
  if (!text.starts_with(prefix)) return wrong();
  std::int64_t id = 0;
  const auto parsed = std::from_chars(text.data() + prefix.size(), text.data() + text.size(), id);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return wrong();
  return id;
}

}  // namespace molt::worker
