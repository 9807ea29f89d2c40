#include "coe/model/gguf/quantization.h"

#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/typed_keys.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace coe::gguf {

std::string quantization_of(const Header& header) {
  static constexpr std::array<std::pair<std::uint64_t, std::string_view>, 34> kNames = {
      {{0, "F32"},      {1, "F16"},      {2, "Q4_0"},       {3, "Q4_1"},    {7, "Q8_0"},
       {8, "Q5_0"},     {9, "Q5_1"},     {10, "Q2_K"},      {11, "Q3_K_S"}, {12, "Q3_K_M"},
       {13, "Q3_K_L"},  {14, "Q4_K_S"},  {15, "Q4_K_M"},    {16, "Q5_K_S"}, {17, "Q5_K_M"},
       {18, "Q6_K"},    {19, "IQ2_XXS"}, {20, "IQ2_XS"},    {21, "Q2_K_S"}, {22, "IQ3_XS"},
       {23, "IQ3_XXS"}, {24, "IQ1_S"},   {25, "IQ4_NL"},    {26, "IQ3_S"},  {27, "IQ3_M"},
       {28, "IQ2_S"},   {29, "IQ2_M"},   {30, "IQ4_XS"},    {31, "IQ1_M"},  {32, "BF16"},
       {36, "TQ1_0"},   {37, "TQ2_0"},   {38, "MXFP4_MOE"}, {39, "NVFP4"}}};
  const auto type = count_at(header, "general.file_type");
  if (!type) return {};
  const auto* const found =
      std::ranges::find(kNames, *type, &std::pair<std::uint64_t, std::string_view>::first);
  return found == kNames.end() ? std::string() : std::string(found->second);
}

std::string most_common_type(const Header& header) {
  std::map<std::string_view, std::uint64_t> bytes;
  for (const auto& tensor : header.tensors) bytes[traits(tensor.type).name] += tensor.n_bytes;
  const auto most =
      std::ranges::max_element(bytes, {}, [](const auto& item) { return item.second; });
  return most == bytes.end() ? std::string() : std::string(most->first);
}

}  // namespace coe::gguf
