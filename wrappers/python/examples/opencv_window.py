"""Show a host's frames in a window: `python opencv_window.py /tmp/camera`. Any key ends it."""

import sys

import cv2
import videostream


def main() -> None:
    """Convert and scale each frame into one array that is reused."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/tmp/camera"
    picture = None
    with videostream.Client(path, reconnect=True) as client:
        for frame in client:
            picture = frame.to_rgb(size=(640, 360), order="BGR", out=picture)
            cv2.putText(
                picture, str(frame.sequence), (16, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 255), 2
            )
            cv2.imshow("videostream", picture)
            if cv2.waitKey(1) >= 0:
                break
    cv2.destroyAllWindows()


if __name__ == "__main__":
    main()
