using System;
using System.Globalization;
using System.IO;
using System.Text;

namespace Lambent
{
    // One INVOKE frame.
    internal sealed class Invocation
    {
        public const int FieldsAt = 20; // the deadline, then five lengths
        private static readonly DateTime Epoch = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);

        public readonly string RequestId;
        public readonly string TraceId;
        public readonly string TenantId;
        public readonly string Qualifier;
        public readonly string ClientContext; // JSON
        public readonly Stream Event;

        private readonly DateTime _deadline;

        public Invocation(byte[] frame)
        {
            _deadline = Epoch.AddSeconds(BitConverter.ToDouble(frame, 0));
            var lengths = new int[5];
            for (var i = 0; i < 4; i++)
                lengths[i] = BitConverter.ToUInt16(frame, 8 + 2 * i);
            lengths[4] = BitConverter.ToInt32(frame, 16);
            var at = FieldsAt;
            var fields = new string[5];
            for (var i = 0; i < 5; i++)
            {
                fields[i] = lengths[i] == 0 ? null : Encoding.UTF8.GetString(frame, at, lengths[i]);
                at += lengths[i];
            }
            RequestId = fields[0];
            TraceId = fields[1];
            TenantId = fields[2];
            Qualifier = fields[3];
            ClientContext = fields[4];
            Event = new MemoryStream(frame, at, frame.Length - at, false);
        }

        public TimeSpan RemainingTime
        {
            get { return _deadline - DateTime.UtcNow; }
        }
    }
}
