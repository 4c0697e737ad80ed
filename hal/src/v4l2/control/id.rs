//! Ids of common controls, as numbered by the kernel.

use videostream_sys::v4l2 as sys;

macro_rules! ids {
    ($($name:ident = $cid:ident, $doc:literal;)*) => {
        $(
            #[doc = concat!("`", stringify!($cid), "`: ", $doc)]
            pub const $name: u32 = sys::$cid;
        )*
    };
}

ids! {
    BRIGHTNESS = V4L2_CID_BRIGHTNESS, "Black level of the picture.";
    CONTRAST = V4L2_CID_CONTRAST, "Luma gain.";
    SATURATION = V4L2_CID_SATURATION, "Colour gain.";
    HUE = V4L2_CID_HUE, "Colour rotation.";
    SHARPNESS = V4L2_CID_SHARPNESS, "Sharpness filter.";
    GAMMA = V4L2_CID_GAMMA, "Gamma.";
    GAIN = V4L2_CID_GAIN, "Gain of the whole chain.";
    AUTOGAIN = V4L2_CID_AUTOGAIN, "Whether the device sets the gain.";
    ANALOGUE_GAIN = V4L2_CID_ANALOGUE_GAIN, "Gain of the sensor before conversion.";
    DIGITAL_GAIN = V4L2_CID_DIGITAL_GAIN, "Gain after conversion.";
    EXPOSURE = V4L2_CID_EXPOSURE, "Exposure of a sensor, usually in lines.";
    EXPOSURE_AUTO = V4L2_CID_EXPOSURE_AUTO, "Menu: automatic, manual, shutter or aperture priority.";
    EXPOSURE_ABSOLUTE = V4L2_CID_EXPOSURE_ABSOLUTE, "Exposure time in units of 100 µs.";
    AUTO_WHITE_BALANCE = V4L2_CID_AUTO_WHITE_BALANCE, "Whether the device sets the white balance.";
    WHITE_BALANCE_TEMPERATURE = V4L2_CID_WHITE_BALANCE_TEMPERATURE, "White balance in kelvin.";
    FOCUS_AUTO = V4L2_CID_FOCUS_AUTO, "Whether the device focuses.";
    FOCUS_ABSOLUTE = V4L2_CID_FOCUS_ABSOLUTE, "Focus position, larger is nearer.";
    ZOOM_ABSOLUTE = V4L2_CID_ZOOM_ABSOLUTE, "Focal length of the lens.";
    HFLIP = V4L2_CID_HFLIP, "Mirror left and right.";
    VFLIP = V4L2_CID_VFLIP, "Mirror top and bottom.";
    ROTATE = V4L2_CID_ROTATE, "Rotation in degrees clockwise.";
    POWER_LINE_FREQUENCY = V4L2_CID_POWER_LINE_FREQUENCY, "Menu: flicker filter off, 50 Hz, 60 Hz, automatic.";
    TEST_PATTERN = V4L2_CID_TEST_PATTERN, "Menu: picture that the sensor makes up.";
    VBLANK = V4L2_CID_VBLANK, "Lines between pictures of a sensor.";
    HBLANK = V4L2_CID_HBLANK, "Pixels between lines of a sensor.";
    PIXEL_RATE = V4L2_CID_PIXEL_RATE, "Pixels per second of a sensor.";
    MIN_BUFFERS_FOR_CAPTURE = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE, "Capture buffers that the driver keeps for itself.";
    MIN_BUFFERS_FOR_OUTPUT = V4L2_CID_MIN_BUFFERS_FOR_OUTPUT, "Output buffers that the driver keeps for itself.";
    GOP_SIZE = V4L2_CID_MPEG_VIDEO_GOP_SIZE, "Pictures of an encoder from one key frame to the next.";
    EXPOSURE_AUTO_PRIORITY = V4L2_CID_EXPOSURE_AUTO_PRIORITY, "Whether exposure may lower the frame rate.";
    AUTO_EXPOSURE_BIAS = V4L2_CID_AUTO_EXPOSURE_BIAS, "Menu: correction of automatic exposure in 0.001 EV.";
    EXPOSURE_METERING = V4L2_CID_EXPOSURE_METERING, "Menu: which part of the picture automatic exposure looks at.";
    ISO_SENSITIVITY = V4L2_CID_ISO_SENSITIVITY, "Menu: sensitivity of the sensor, ISO values times 1000.";
    DO_WHITE_BALANCE = V4L2_CID_DO_WHITE_BALANCE, "Button: balance once, now.";
    RED_BALANCE = V4L2_CID_RED_BALANCE, "Gain of red.";
    BLUE_BALANCE = V4L2_CID_BLUE_BALANCE, "Gain of blue.";
    AUTO_N_PRESET_WHITE_BALANCE = V4L2_CID_AUTO_N_PRESET_WHITE_BALANCE, "Menu: white balance for kinds of light.";
    FOCUS_RELATIVE = V4L2_CID_FOCUS_RELATIVE, "Moves the focus by steps.";
    AUTO_FOCUS_START = V4L2_CID_AUTO_FOCUS_START, "Button: focus once, now.";
    CAMERA_ORIENTATION = V4L2_CID_CAMERA_ORIENTATION, "Menu: where the camera looks: front, back, external.";
    CAMERA_SENSOR_ROTATION = V4L2_CID_CAMERA_SENSOR_ROTATION, "How the sensor is mounted, in degrees counter-clockwise; read-only.";
    PAN_ABSOLUTE = V4L2_CID_PAN_ABSOLUTE, "Direction to the side, in seconds of arc.";
    TILT_ABSOLUTE = V4L2_CID_TILT_ABSOLUTE, "Direction up and down, in seconds of arc.";
    LINK_FREQ = V4L2_CID_LINK_FREQ, "Menu: clock of the bus behind a sensor, in Hz.";
}
