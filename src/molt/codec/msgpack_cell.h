// One cell as MsgPack.
#pragma once

#include <cstdint>

#include "molt/types/byte_out.h"
#include "molt/types/msgpack_out.h"
#include "molt/types/record_batch.h"

namespace molt::codec {

using PackOut = types::BasicMsgPackOut<types::ByteOut>;

// As json_cell.h has it, except that bytes are bytes, NaN and infinite numbers are themselves, and
// a JSON document is its text. Precondition: text is valid UTF-8.
void PackCell(const types::Column& column, std::int64_t row, PackOut& out);
void PackValue(const types::Value& value, PackOut& out);

}  // namespace molt::codec
