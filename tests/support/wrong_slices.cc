#include "support/wrong_slices.h"

#include "coe/model/gguf/reader.h"

#include "support/expect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace coe::testing {

namespace {

using Bytes = std::vector<std::byte>;

std::vector<std::byte> tensor_bytes(const gguf::GgufFile& file, const std::string& name) {
  const auto* tensor = file.header().find_tensor(name);
  if (tensor == nullptr) throw std::runtime_error(name + ": not there");
  return value_of(file.read_all(*tensor));
}

// Copies the file and puts `change`d bytes in the tensor's place.
void rewrite(const Path& from, const std::string& name, const Path& output,
             const std::function<Bytes(const Bytes&)>& change) {
  const auto file = value_of(gguf::GgufFile::open(from));
  const auto bytes = change(tensor_bytes(file, name));
  std::filesystem::copy_file(from, output, std::filesystem::copy_options::overwrite_existing);
  std::fstream stream(output, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(file.position(*file.header().find_tensor(name))));
  stream.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) throw std::runtime_error(output.string() + ": cannot write");
}

std::size_t experts(const Path& path, const std::string& name) {
  const auto file = value_of(gguf::GgufFile::open(path));
  return file.header().find_tensor(name)->last_dim();
}

}  // namespace

void swap_experts(const Path& child, std::uint32_t layer, const Path& output) {
  const auto name = fmt::format("blk.{}.ffn_down_exps.weight", layer);
  const std::size_t n = experts(child, name);
  rewrite(child, name, output, [&](const Bytes& bytes) {
    Bytes out = bytes;
    const auto slab = static_cast<std::ptrdiff_t>(bytes.size() / n);
    std::swap_ranges(out.begin(), out.begin() + slab, out.begin() + slab);
    return out;
  });
}

void shift_router_rows(const Path& child, std::uint32_t layer, const Path& output) {
  const auto name = fmt::format("blk.{}.ffn_gate_inp.weight", layer);
  const std::size_t n = experts(child, name);
  rewrite(child, name, output, [&](const Bytes& bytes) {
    Bytes out = bytes;
    std::rotate(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(bytes.size() / n),
                out.end());
    return out;
  });
}

void leave_scale_uncut(const Path& parent, const Path& child, std::uint32_t layer,
                       const Path& output) {
  const auto name = fmt::format("blk.{}.ffn_down_exps.scale", layer);
  const auto source = value_of(gguf::GgufFile::open(parent));
  const auto whole = tensor_bytes(source, name);
  rewrite(child, name, output, [&](const Bytes& bytes) {
    return Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes.size()));
  });
}

}  // namespace coe::testing
