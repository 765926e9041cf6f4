// The payload of db_query and its kin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/engine/encoded.h"
#include "molt/engine/source.h"
#include "molt/types/document.h"
#include "molt/wire/envelope.h"
#include "molt/worker/offer.h"

namespace molt::worker {

struct QueryInput {
  engine::Source source;
  Alias* alias = nullptr;
  engine::EncodeSpec spec;
  bool allows_write = false;
  std::string tag;
  std::size_t bytes_in = 0;  // of the SQL and its values, about
};

// InvalidQuery, naming the field.
[[nodiscard]] Result<QueryInput> ReadQueryInput(const types::Document& payload, const Offer& offer);

// Of db_exec: for each time the statement is to run, how many values and they themselves, encoded
// as codec/columns_value.cc has them.
[[nodiscard]] Result<db::ParamSets> ReadParamSets(std::string_view bytes);

// One value as contract has it: plain, or {"value": …, "type": …}.
[[nodiscard]] Result<types::Value> ReadParam(const types::Document& document);

// '$' if the placeholders of the engine are $1, $2…; '?' if they are ?1, ?2….
[[nodiscard]] char PlaceholderMark(const Alias& alias);

// What a reply with a result of this format says it is.
[[nodiscard]] wire::PayloadCodec CodecOf(codec::ResultFormat format);

// The longest payload that fits a reply, with room for the rest of the envelope and, on the JSON
// wire, for base64.
[[nodiscard]] std::size_t PayloadBytesMax(wire::WireFormat format);

}  // namespace molt::worker
