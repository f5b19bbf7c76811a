using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Lambent
{
    // Writes JSON without a library: none is loaded for a function that does not use one.
    internal static class Json
    {
        public static string Text(string value)
        {
            if (value == null)
                return "null";
            var made = new StringBuilder(value.Length + 2).Append('"');
            foreach (var one in value)
            {
                switch (one)
                {
                    case '"': made.Append("\\\""); break;
                    case '\\': made.Append("\\\\"); break;
                    case '\n': made.Append("\\n"); break;
                    case '\r': made.Append("\\r"); break;
                    case '\t': made.Append("\\t"); break;
                    default:
                        if (one < ' ' || char.IsSurrogate(one))
                            made.Append("\\u").Append(((int)one).ToString("x4", CultureInfo.InvariantCulture));
                        else
                            made.Append(one);
                        break;
                }
            }
            return made.Append('"').ToString();
        }

        public static string List(IEnumerable<string> values)
        {
            return "[" + string.Join(",", values) + "]";
        }

        // Members, already JSON; null is left out.
        public static string Members(params string[] namesAndValues)
        {
            var made = new List<string>();
            for (var i = 0; i < namesAndValues.Length; i += 2)
                if (namesAndValues[i + 1] != null)
                    made.Add(Text(namesAndValues[i]) + ":" + namesAndValues[i + 1]);
            return string.Join(",", made);
        }
    }
}
