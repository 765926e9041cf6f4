#include "molt/db/postgres/params.h"

namespace molt::db::postgres {

namespace {

std::string Count(std::size_t count, const char* thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

}  // namespace

Result<bool> EncodedParams::Encode(std::span<const types::Value> values,
                                   std::span<const Oid> targets, std::vector<Oid>& declared) {
  if (values.size() != targets.size()) {
    return InvalidQuery("the SQL has " + Count(targets.size(), "parameter") + ", " +
                        Count(values.size(), "value") +
                        (values.size() == 1 ? " was given" : " were given"));
  }
  bytes_.clear();
  ends_.clear();
  formats_.assign(values.size(), static_cast<std::int16_t>(Format::kBinary));
  bool all_fit = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!types::IsNull(values[i])) {
      const EncodeOutcome outcome = EncodeParam(targets[i], values[i], bytes_);
      if (outcome == EncodeOutcome::kText) formats_[i] = static_cast<std::int16_t>(Format::kText);
      if (outcome == EncodeOutcome::kMismatch) {
        const Oid natural = NaturalType(values[i]);
        if (natural == 0 || natural == targets[i]) {
          return InvalidQuery("parameter " + std::to_string(i + 1) + " is a value of type " +
                              std::string(types::TypeName(types::TypeOf(values[i]))) +
                              ", which does not fit the type that the SQL needs there; cast it in "
                              "the SQL, or give another value");
        }
        if (declared.size() <= i) declared.resize(i + 1);
        declared[i] = natural;
        all_fit = false;
      }
    }
    ends_.push_back(bytes_.size());
  }
  // Only now do the bytes stay where they are.
  views_.assign(values.size(), std::nullopt);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!types::IsNull(values[i])) {
      views_[i] = std::string_view(bytes_).substr(begin, ends_[i] - begin);
    }
    begin = ends_[i];
  }
  return all_fit;
}

}  // namespace molt::db::postgres
