// libFuzzer: the payloads that clients send, and a manifest. The first byte says what the others
// are; whatever cannot be read must be said to be an invalid query, and nothing else may happen.
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "molt/types/document.h"
#include "molt/worker/counters.h"
#include "molt/worker/cursor.h"
#include "molt/worker/manifest.h"
#include "molt/worker/named_params.h"
#include "molt/worker/no_pool.h"
#include "molt/worker/query_input.h"

namespace {

using namespace molt;
using namespace molt::worker;

class Worker {
 public:
  Worker() : offer_(OfferOptions(), AliasesOf(), counters_) {}
  [[nodiscard]] const Offer& offer() const { return offer_; }

 private:
  Offer::Aliases AliasesOf() {
    Offer::Aliases made;
    for (const auto& [name, dialect] :
         {std::pair{"default", "sqlite"}, std::pair{"pg", "postgres"}}) {
      AliasOptions options;
      options.name = name;
      options.pool = std::make_shared<NoPool>(dialect);
      auto backend = std::make_shared<Backend>(options.pool, 1, 1, reactor_, room_);
      made.emplace(name, std::make_unique<Alias>(std::move(options), std::move(backend)));
    }
    return made;
  }

  Reactor reactor_;
  WaitingRoom room_;
  Counters counters_;
  Offer offer_;
};

template <class T>
bool IsRead(const Result<T>& result) {
  if (!result && result.error().code != ErrorCode::kInvalidQuery) std::abort();
  return result.has_value();
}

void TryPayload(const Result<types::Document>& payload) {
  static const Worker worker;
  if (!IsRead(payload)) return;
  const auto input = ReadQueryInput(*payload, worker.offer());
  if (!IsRead(input)) return;
  if (input->alias == nullptr || input->spec.rows_max < 0 || input->spec.batch_rows < 0)
    std::abort();
}

// Statement and names, with NUL between them.
void TryNamed(std::string_view input) {
  const std::string_view sql = input.substr(0, input.find('\0'));
  NamedValues values;
  while (sql.size() < input.size() && values.size() < 8) {
    const std::size_t end = input.rfind('\0');
    values.emplace_back(std::string(input.substr(end + 1)), types::Value(std::int64_t{7}));
    input = input.substr(0, end);
  }
  const std::size_t count = values.size();
  for (const char mark : {'?', '$'}) {
    const auto made = ToPositional(sql, values, mark);
    // Each value is used, so that there are as many as were given.
    if (IsRead(made) && made->params.size() != count) std::abort();
  }
}

void TryManifest(std::string_view json) {
  std::vector<std::string> warnings;
  const auto manifest = Manifest::Parse(json, warnings);
  if (!IsRead(manifest)) return;
  for (const std::string& name : manifest->Names()) {
    if (manifest->Find(name) == nullptr) std::abort();
  }
}

void TryCursor(std::string_view text) {
  const auto id = ReadCursor(text, "");
  if (!IsRead(id)) return;
  const auto again = ReadCursor(MakeCursor(*id, ""), "");
  if (!again || *again != *id) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'm':
      TryPayload(types::ParseMsgPack(input));
      break;
    case 'j':
      TryPayload(types::ParseJson(input));
      break;
    case 's':
      (void)IsRead(ReadParamSets(input));
      break;
    case 'n':
      TryNamed(input);
      break;
    case 'x':
      TryManifest(input);
      break;
    case 'c':
      TryCursor(input);
      break;
    default:
      break;
  }
  return 0;
}
